package main

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
)

const revisionsEachRound = 20

// moved are the bytes that each revision of a history moves.
type moved struct{ up, down, fetch, archive, share series }

// history measures what an ordinary history moves: to the store, to a server that has the revision before, and without chunks.
func (c *contentBench) history(ctx context.Context) error {
	m, err := c.site.machine(ctx, false)
	if err != nil {
		return err
	}
	defer m.stop()
	if _, _, err := m.ensure(ctx, "course", "all"); err != nil {
		return err
	}
	var v moved
	for i := range revisionsEachRound * c.rounds {
		if err := c.oneRevision(ctx, m, i, &v); err != nil {
			return err
		}
	}
	t := table{
		title: "Content: bytes that a revision moves",
		note: fmt.Sprintf("%d generated commits (30 %% metadata alone, 60 %% one question, 8 %% ten, 1 %% a course file, 1 %% a third of all questions) on the course of %d questions. "+
			"The server has all of the revision before, and gets all of the new one. An archive is moved whole each time; git sends what `git pack-objects --thin` makes of the commit.",
			len(v.up), courseQuestions),
		head: []string{"", "mean", "median", "largest"},
	}
	for _, row := range []struct {
		name string
		s    series
	}{{"to the store, index included", v.up}, {"to a server, index included", v.down}, {"git fetch", v.fetch}, {"archive (each tenth measured)", v.archive}} {
		t.add(row.name, kilobytes(mean(row.s)), kilobytes(median(row.s)), kilobytes(at(row.s, 1)))
	}
	t.foot = fmt.Sprintf("Of the parts of a revision %.1f %% were in the store already (bar: ≥ 90 %%). %s.", 100*mean(v.share), time.Now().UTC().Format("2006-01-02"))
	if mean(v.share) < 0.9 {
		c.report.missed = append(c.report.missed, fmt.Sprintf("reuse of parts over a history: %.1f %%, the bar is 90 %%", 100*mean(v.share)))
	}
	c.report.add(t)
	return nil
}

// oneRevision publishes one commit and lets the server have it.
func (c *contentBench) oneRevision(ctx context.Context, m *machine, i int, v *moved) error {
	before := c.course.Head
	head, err := c.course.Commit(ctx)
	if err != nil {
		return err
	}
	store := c.site.store
	up, down := store.up.Load(), store.down.Load()
	r, err := c.author.sync(ctx, "course")
	if err != nil {
		return err
	}
	if err := m.awaitRevision(ctx, "course", head); err != nil {
		return err
	}
	if _, _, err := m.ensure(ctx, "course", "all"); err != nil {
		return err
	}
	// The author's machine reads the index that it has just stored: those bytes are not the server's.
	v.up, v.down = append(v.up, float64(store.up.Load()-up)), append(v.down, float64(store.down.Load()-down))
	v.share = append(v.share, float64(r.Reused.Parts)/float64(max(1, r.Reused.Parts+r.Uploaded.Parts)))
	sent, err := pipeSize(ctx, `printf '%s\n^%s\n' "$2" "$3" | git -C "$1" pack-objects --thin --revs --stdout -q`, c.course.Dir, head, before)
	if err != nil {
		return err
	}
	v.fetch = append(v.fetch, sent)
	if i%10 == 0 {
		size, err := pipeSize(ctx, `git -C "$1" archive --format=tar "$2" | gzip`, c.course.Dir, head)
		if err != nil {
			return err
		}
		v.archive = append(v.archive, size)
	}
	return nil
}

// awaitRevision waits until the machine answers with a commit.
func (m *machine) awaitRevision(ctx context.Context, source, commit string) error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		a, err := control.Call[content.RevisionAnswer](ctx, m.client, "/v1/content/revision", content.RevisionRequest{Source: source})
		if err == nil && a.Revision == commit {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server answers with %s and not with %s: %w", a.Revision, commit, err)
		}
	}
}

// pipeSize returns how many bytes a script prints.
func pipeSize(ctx context.Context, script string, args ...string) (float64, error) {
	out, err := exec.CommandContext(ctx, "sh", append([]string{"-c", script, "sh"}, args...)...).Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", script, err)
	}
	return float64(len(out)), nil
}

func mean(s series) float64 {
	sum := 0.0
	for _, v := range s {
		sum += v
	}
	return sum / float64(max(1, len(s)))
}

func kilobytes(n float64) string { return fmt.Sprintf("%.1f kB", n/1e3) }
