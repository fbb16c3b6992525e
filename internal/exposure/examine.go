package exposure

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"holdfast/internal/doctor"
)

// Options say what is looked at.
type Options struct {
	Sites   []Site
	Media   string   // the path below which Holdfast itself shows files, as "/media/"
	Objects []Object // a few files of private buckets
	S3      *Site    // the S3 endpoint; nil: not asked
	Private []string // private buckets
	Public  []string // buckets that somebody made public: their files may be read, and not listed
	Version string   // of Holdfast, for User-Agent
	Begin   func(site string)
}

// Answer is one request and what came of it.
type Answer struct {
	Site    string  `json:"site"`
	Path    string  `json:"path"`
	Status  int     `json:"status,omitempty"`
	Verdict Verdict `json:"verdict"`
	name    string  // of the file that was asked for
	to      string  // where it sends, without the query
}

// Outcome is all that was asked, and what was found.
type Outcome struct {
	Answers  []Answer
	Findings []doctor.Finding
}

// Examine asks all sites, one after the other, and ends when the context does, with what it has.
func Examine(ctx context.Context, o Options) (Outcome, error) {
	var out Outcome
	for _, s := range o.Sites {
		if o.Begin != nil {
			o.Begin(s.Name)
		}
		answers, err := askSite(ctx, s, o)
		if ctx.Err() != nil {
			return out, fmt.Errorf("ask %s: %w", s.Name, context.Cause(ctx))
		}
		out.Answers = append(out.Answers, answers...)
		if err != nil {
			out.Findings = append(out.Findings, unexamined(s, err))
			continue
		}
		out.Findings = append(out.Findings, findings(s, answers)...)
	}
	if o.S3 != nil {
		if o.Begin != nil {
			o.Begin(o.S3.Name)
		}
		answers, err := askS3(ctx, *o.S3, o)
		out.Answers = append(out.Answers, answers...)
		if err != nil {
			return out, fmt.Errorf("ask %s: %w", o.S3.Name, err)
		}
		out.Findings = append(out.Findings, s3Findings(*o.S3, answers)...)
	}
	out.Findings = withoutEchoes(out.Findings)
	return out, nil
}

// askSite asks one site for everything. An error says why it could not be asked.
func askSite(ctx context.Context, s Site, o Options) ([]Answer, error) {
	who := newStranger(s, o.Version)
	defer who.close()
	control, err := who.control(ctx)
	if err != nil {
		return nil, err
	}
	var answers []Answer
	for _, p := range probes(o.Media, o.Objects) {
		g, err := who.ask(ctx, p.path)
		if ctx.Err() != nil {
			return answers, context.Cause(ctx)
		}
		a := Answer{Site: s.Name, Path: p.path, Status: g.status, name: p.name}
		switch {
		case err != nil: // the site answers, this path breaks the connection
			a.Verdict = Broken
		default:
			a.Verdict = judge(p, g, control)
		}
		if g.location != nil {
			a.to = g.location.Scheme + "://" + g.location.Host + g.location.Path
		}
		answers = append(answers, a)
		if a.Verdict == Limited {
			break // more would only annoy
		}
	}
	return answers, nil
}

// control asks for what cannot be there. A site that sends everybody to HTTPS is asked there from now on.
func (s *stranger) control(ctx context.Context) (got, error) {
	path := "/holdfast-doctor-" + strings.ToLower(rand.Text()[:12])
	g, err := s.ask(ctx, path)
	if err != nil {
		return g, err
	}
	base := &s.site.Base
	if to := g.location; to != nil && base.Scheme == "http" && to.Scheme == "https" && to.Hostname() == base.Hostname() {
		if s.site.Address != "" {
			return g, fmt.Errorf("it sends everybody to HTTPS at %s", to.Host)
		}
		base.Scheme, base.Host = "https", to.Host
		g, err = s.ask(ctx, path)
	}
	if err == nil && g.status >= 502 && g.status <= 504 {
		return g, fmt.Errorf("it answers %d", g.status)
	}
	return g, err
}
