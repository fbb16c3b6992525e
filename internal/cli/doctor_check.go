package cli

import (
	"context"
	"fmt"
	"time"

	"holdfast/internal/admin"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/doctor"
	"holdfast/internal/fault"
	"holdfast/internal/health"
)

// examineConfiguration is what check does, but that it makes nothing.
func (a *app) examineConfiguration(cfg *config.Config) doctor.Examination {
	return doctor.Examination{
		Name: "configuration", About: "trying what the configuration names", Limit: checkPatience,
		Examine: func(ctx context.Context) (doctor.Result, error) {
			k := &checker{cfg: cfg, env: a.getenv}
			k.all(ctx, false)
			r := doctor.Result{Summary: fmt.Sprintf("%s: %s", cfg.Path(), count(len(k.findings), "thing")+" tried")}
			for _, f := range k.findings {
				switch {
				case f.State == "fail":
					r.Findings = append(r.Findings, doctor.Finding{
						Code: fault.CodeOf(f.err), Subject: f.Name, Title: "Something that the configuration names cannot be used",
						Text: f.Text, Hint: f.Hint, Severity: health.Error, Kind: fault.KindOf(f.err),
					})
				case f.State == "note" && f.Hint != "": // a note without one is how things are
					r.Findings = append(r.Findings, doctor.Finding{
						Code: "configuration_note", Subject: f.Name, Title: "A setting that cannot be meant so, or will not do for long",
						Text: f.Text, Hint: f.Hint, Severity: health.Warning,
					})
				}
			}
			return r, ctx.Err()
		},
	}
}

// examineDaemon asks the running Holdfast for what it has found.
func (a *app) examineDaemon(cfg *config.Config) doctor.Examination {
	return doctor.Examination{
		Name: "daemon", About: "asking the running Holdfast", Limit: 10 * time.Second,
		Examine: func(ctx context.Context) (doctor.Result, error) {
			r, err := statusOf(ctx, cfg)
			if fault.CodeOf(err) == "not_running" {
				return doctor.Result{Summary: "not running", Findings: []doctor.Finding{{
					Code: "not_running", Title: "No Holdfast runs with this configuration", Text: err.Error(), Severity: health.Info,
					Hint: "start it with: holdfast serve; then its hosts are asked what strangers can fetch, too",
				}}}, nil
			}
			if err != nil {
				return doctor.Result{}, err
			}
			return doctor.Result{
				Summary:  fmt.Sprintf("running, version %s, up %s, %d parts", r.Version, span(time.Since(r.Started)), len(r.Sections)),
				Findings: daemonFindings(r),
			}, nil
		},
	}
}

// daemonFindings are the findings of the daemon, and its parts that are not well without one.
func daemonFindings(r admin.Report) []doctor.Finding {
	var all []doctor.Finding
	for _, f := range r.Findings {
		all = append(all, doctor.Finding{
			Code: f.Code, Subject: f.Subject, Title: f.Title, Text: f.Text + ", since " + moment(&f.Since), Severity: f.Severity,
			Hint: f.Hint, Kind: fault.Unavailable,
		})
	}
	for _, s := range r.Sections {
		if s.State == admin.OK || s.State == admin.Warning && len(r.Findings) > 0 {
			continue // what a warning is about stands among the findings
		}
		severity := health.Warning
		if s.State == admin.Error {
			severity = health.Error
		}
		text := s.Summary
		for _, f := range s.Facts {
			if f.Name == "problem" {
				text += ": " + fmt.Sprint(f.Value)
			}
		}
		all = append(all, doctor.Finding{
			Code: "part_" + s.Name, Subject: s.Name, Title: "A part does not work as it should", Text: text, Severity: severity,
			Hint: "see: holdfast status; holdfast logs", Kind: fault.Unavailable,
		})
	}
	return all
}

// statusOf asks the running Holdfast how it is.
func statusOf(ctx context.Context, cfg *config.Config) (admin.Report, error) {
	client := control.NewClient(cfg.Socket())
	defer client.Close()
	return control.Call[admin.Report](ctx, client, "/v1/status", control.Empty{})
}

// factOf returns a fact of a part as text, "" when there is none.
func factOf(r admin.Report, section, name string) string {
	for _, s := range r.Sections {
		for _, f := range s.Facts {
			if s.Name == section && f.Name == name {
				return factText(f.Value)
			}
		}
	}
	return ""
}
