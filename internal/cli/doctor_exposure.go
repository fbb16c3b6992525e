package cli

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/doctor"
	"holdfast/internal/exposure"
	"holdfast/internal/fault"
	"holdfast/internal/files"
)

const doctorExposureHelp = `Ask for what strangers should not get, without any credentials, and show what came of each request.

Usage:
  holdfast doctor exposure [--url URL]... [--json]

Asked are: each host of the edge, on this machine; each server of the application itself, past the edge; the S3 endpoint;
and each URL. They are asked for /uploads/, /media/, /files/, /static/uploads/, /.git/HEAD, /.env, listings of directories,
and a few names of files in private buckets. Nobody else is asked, redirections to other hosts are not followed, and a site
gets at most 81 requests, one at a time, with "Holdfast-doctor" in User-Agent. What is answered is looked at, and neither
kept nor shown.

VERDICT is "refused" (403, 404 and the like, a way to a log-in, or the page that the site gives for any path), "fine" (a
page that is for everybody), or what was found: "listing", "file", "link", "git", "env", "answered", "redirected",
"limited" (429), "error" (5xx).

Options:
      --url URL   ask this address, too, as visitors would: https://school.example; may be repeated

With --json the answer has answers (site, path, status, verdict), public (buckets that anybody may read, because somebody
wrote so) and findings as those of holdfast doctor.

EXIT STATUS
  0 when nothing is wrong, warnings and sites that do not answer included; 3 when strangers get what they should not, or the
  configuration is missing or wrong

EXAMPLE
  holdfast doctor exposure --url https://school.example --json | jq '.answers[] | select(.verdict != "refused")'
`

// exposureLimit bounds all requests together.
const exposureLimit = 2 * time.Minute

// exposureAnswer is the answer of "holdfast doctor exposure --json".
type exposureAnswer struct {
	Answers  []exposure.Answer `json:"answers"`
	Public   []string          `json:"public"`
	Findings []doctor.Finding  `json:"findings"`
}

func newDoctorExposure(a *app) *cobra.Command {
	var urls []string
	c := a.command("exposure", "show what strangers are answered", doctorExposureHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runDoctorExposure(c.Context(), a, urls)
	})
	c.Flags().StringArrayVar(&urls, "url", nil, "")
	return c
}

func runDoctorExposure(ctx context.Context, a *app, urls []string) error {
	cfg, err := a.loadToExamine(urls)
	if err != nil {
		return err
	}
	var out exposure.Outcome
	var plan exposurePlan
	r := doctor.Run(ctx, []doctor.Examination{a.exposureExamination(cfg, urls, &plan, &out)}, nil)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	answer := exposureAnswer{append([]exposure.Answer{}, out.Answers...), append([]string{}, plan.options.Public...), r.Findings}
	err = a.data(answer, func() {
		rows := [][]string{{"site", "path", "status", "verdict"}}
		for _, x := range out.Answers {
			rows = append(rows, []string{x.Site, x.Path, fmt.Sprint(x.Status), string(x.Verdict)})
		}
		a.table(rows)
		a.printf("\n")
		a.printDoctor(r)
	})
	if err != nil {
		return err
	}
	return r.Err()
}

// examineExposure asks as a stranger does (E-12).
func (a *app) examineExposure(cfg *config.Config, urls []string) doctor.Examination {
	return a.exposureExamination(cfg, urls, &exposurePlan{}, &exposure.Outcome{})
}

// exposureExamination leaves what it planned and what came of it behind.
func (a *app) exposureExamination(cfg *config.Config, urls []string, plan *exposurePlan, out *exposure.Outcome) doctor.Examination {
	return doctor.Examination{
		Name: "exposure", About: "asking for what strangers should not get", Limit: exposureLimit,
		Examine: func(ctx context.Context) (doctor.Result, error) {
			*plan = planExposure(ctx, cfg, urls)
			progress := a.progressSteps()
			defer progress.end()
			plan.options.Begin = func(site string) { progress.step("asking " + site) }
			var err error
			*out, err = exposure.Examine(ctx, plan.options)
			sites := len(plan.options.Sites)
			if plan.options.S3 != nil {
				sites++
			}
			r := doctor.Result{
				Summary: fmt.Sprintf("%s to %s without credentials", count(len(out.Answers), "request"), count(sites, "site")),
				Remarks: plan.remarks, Findings: out.Findings,
			}
			return r, err
		},
	}
}

// exposurePlan is what is to be asked, and what is to be said about it.
type exposurePlan struct {
	options exposure.Options
	remarks []string
}

// planExposure finds out what there is to ask. Without a running Holdfast that is less, and said so.
func planExposure(ctx context.Context, cfg *config.Config, urls []string) exposurePlan {
	p := exposurePlan{options: exposure.Options{Media: cfg.Media.URL, Version: binaryVersion().Version}}
	status, err := statusOf(ctx, cfg)
	if err == nil {
		p.edge(cfg, factOf(status, "edge", "url"))
		p.s3(factOf(status, "s3", "url"))
		p.buckets(ctx, cfg)
	} else {
		p.remarks = append(p.remarks, "no Holdfast runs: its hosts, its S3 endpoint and names of private files were left out")
	}
	p.upstreams(cfg)
	for _, text := range urls {
		if u, err := parseSite(text); err == nil { // looked at before
			p.add(exposure.Site{Name: text, Base: *u})
		}
	}
	return p
}

// parseSite reads an address of --url.
func parseSite(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Usage, "usage", "doctor: --url %q is not the address of a site", text).
			WithHint("write scheme and host, as https://school.example")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return u, nil
}

const (
	maxFiles     = 6 // names of private files that are asked for
	filesEach    = 2 // of one bucket
	askedBuckets = 20
)

// buckets finds out which buckets are private, and a few names of what is in them.
func (p *exposurePlan) buckets(ctx context.Context, cfg *config.Config) {
	client := control.NewClient(cfg.Socket())
	defer client.Close()
	all, err := control.Call[files.ListBucketsAnswer](ctx, client, routeBucketList, control.Empty{})
	if err != nil {
		p.remarks = append(p.remarks, "names of private files were left out: "+err.Error())
		return
	}
	for _, b := range all.Buckets[:min(len(all.Buckets), askedBuckets)] {
		if b.Public {
			p.options.Public = append(p.options.Public, b.Name)
			how := "by a command or the S3 endpoint (holdfast files bucket set)"
			if o := cfg.Origin("files.buckets." + b.Name + ".public"); o != (config.Origin{}) {
				how = "by configuration, written so in " + o.String()
			}
			p.remarks = append(p.remarks, fmt.Sprintf("bucket %s: public %s", b.Name, how))
			continue
		}
		p.options.Private = append(p.options.Private, b.Name)
		if len(p.options.Objects) >= maxFiles {
			continue
		}
		page, err := control.Call[files.ListObjectsAnswer](ctx, client, routeList, files.ListObjectsRequest{Bucket: b.Name, Limit: 10})
		if err != nil {
			continue // it was deleted meanwhile
		}
		p.files(page.Objects)
	}
}

// files takes a few objects whose names can stand in a path.
func (p *exposurePlan) files(objects []files.ObjectInfo) {
	taken := 0
	for _, o := range objects {
		if taken == filesEach || len(p.options.Objects) == maxFiles {
			return
		}
		if path.Clean("/"+o.Key) != "/"+o.Key || slices.ContainsFunc([]rune(o.Key), func(r rune) bool { return r < ' ' }) {
			continue
		}
		taken++
		p.options.Objects = append(p.options.Objects, exposure.Object{Bucket: o.Bucket, Key: o.Key, Size: o.Size})
	}
}
