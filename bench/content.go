package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
)

// courseQuestions is the size of the course of some 450 chunks that most platforms have.
const courseQuestions = 441

// far is what a request to a store elsewhere takes longer.
const far = 30 * time.Millisecond

// benchContent measures the distribution of content beside git itself and beside an archive in the same store.
func (b *bench) benchContent(ctx context.Context, pg *pgServer) error {
	dir := filepath.Join(b.dir, "content")
	store, err := b.startFarStore(ctx, dir)
	if err != nil {
		return err
	}
	defer store.stop()
	mega, err := coursegen.Generate(ctx, filepath.Join(dir, "mega.git"), coursegen.Mega(1))
	if err != nil {
		return err
	}
	course, err := coursegen.Generate(ctx, filepath.Join(dir, "course.git"), coursegen.Options{Seed: 2, Questions: courseQuestions})
	if err != nil {
		return err
	}
	c := &contentBench{bench: b, dir: dir, mega: mega, course: course, site: &contentSite{b: b, dir: dir, pg: pg, store: store}}
	for _, step := range []func(context.Context) error{c.syncs, c.useAndMove} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// contentBench is a run of the room.
type contentBench struct {
	*bench
	dir          string
	site         *contentSite
	author       *machine // which syncs
	mega, course *coursegen.Course
}

// useAndMove measures what servers do with the course of 450 chunks.
func (c *contentBench) useAndMove(ctx context.Context) (err error) {
	c.site.sources = map[string]string{"course": c.course.Dir}
	if c.author, err = c.site.machine(ctx, true); err != nil {
		return err
	}
	defer c.author.stop()
	if _, err := c.author.sync(ctx, "course"); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.warm, c.cold, c.history} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// firstReport returns the report of the first revision: a source that was never published is synced by itself.
func (m *machine) firstReport(ctx context.Context, source string) (r content.Report, err error) {
	if _, err := m.sync(ctx, source); err != nil {
		return r, err
	}
	a, err := control.Call[content.ShowAnswer](ctx, m.client, "/v1/content/show", content.ShowRequest{Source: source})
	if err != nil {
		return r, err
	}
	if len(a.Revisions) != 1 {
		return r, fmt.Errorf("%s has %d revisions, want its first", source, len(a.Revisions))
	}
	return r, json.Unmarshal(a.Revisions[0].Report, &r)
}

func milliseconds(v float64) string { return fmt.Sprintf("%.1f ms", v) }

func inMS(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func inMB(n int64) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }

// below holds a figure against its bar, and notes when it is missed.
func (c *contentBench) below(what string, value, bar float64, unit string) string {
	text := fmt.Sprintf("≤ %g %s", bar, unit)
	if value > bar {
		c.report.missed = append(c.report.missed, fmt.Sprintf("%s: %.1f %s, the bar is %s", what, value, unit, text))
	}
	return text
}
