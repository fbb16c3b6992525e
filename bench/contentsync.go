package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"holdfast/internal/coursegen"
)

const editsEachRound = 4

// edits are the syncs of commits that changed one question each.
type edits struct{ total, own, cpu, requests, bytes series }

// syncs measures the side that publishes: a course of 1,775 chunks, new and after edits.
func (c *contentBench) syncs(ctx context.Context) error {
	c.site.sources = map[string]string{"mega": c.mega.Dir}
	m, err := c.site.machine(ctx, true)
	if err != nil {
		return err
	}
	stop := sync.OnceFunc(m.stop)
	defer stop()
	first, err := m.firstReport(ctx, "mega")
	if err != nil {
		return err
	}
	cpu := m.spent()
	t := table{
		title: "Content: publish a course of 1,775 chunks",
		note: fmt.Sprintf("A generated course of %d questions in %d chunks; the store is versitygw over HTTP. The archive is what a platform without "+
			"chunks does: `git archive | gzip`, and one PUT. Processor time is that of the daemon and its git processes.", len(c.mega.Questions()), first.Chunks),
		head: []string{"work", "Holdfast", "of that fetch", "build", "pack and upload", "publish", "processor time", "moved", "archive", "bar"},
	}
	archive, size, err := c.archive(ctx, c.mega)
	if err != nil {
		return err
	}
	own := (first.Took.Build + first.Took.Upload) / 1000 // the report is stored in the publish: it does not know the rest
	t.add("first ingest", fmt.Sprintf("%.2f s", own+first.Took.Fetch/1000), milliseconds(first.Took.Fetch), milliseconds(first.Took.Build),
		milliseconds(first.Took.Upload), "", fmt.Sprintf("%.2f s", cpu.Seconds()),
		fmt.Sprintf("%d parts, %s", first.Uploaded.Parts, inMB(first.Uploaded.Bytes)), fmt.Sprintf("%.2f s, %s", archive.Seconds(), inMB(size)), "")
	e, err := c.edit(ctx, m)
	if err != nil {
		return err
	}
	t.add("one question edited", milliseconds(median(e.total)), "", "", "", "", milliseconds(median(e.cpu)),
		fmt.Sprintf("%.0f requests, %.1f kB", median(e.requests), median(e.bytes)/1e3), fmt.Sprintf("%.2f s, %s", archive.Seconds(), inMB(size)), "")
	t.add("… besides fetch and upload", milliseconds(median(e.own)), "", "", "", "", "", "", "",
		c.below("sync of a one-question edit besides fetch and upload", median(e.own), 50, "ms"))
	memory, _ := m.memory()
	t.foot = fmt.Sprintf("Peak memory of the daemon: %d MB. … without uploads is the same course under another name, on a new machine: all is packed, "+
		"and found to be stored already.", memory)
	stop()
	if err := c.withoutUploads(ctx, &t); err != nil {
		return err
	}
	c.report.add(t)
	return nil
}

// withoutUploads measures a first ingest whose parts are stored already: what it costs besides the uploads.
func (c *contentBench) withoutUploads(ctx context.Context, t *table) error {
	c.site.sources = map[string]string{"again": c.mega.Dir}
	m, err := c.site.machine(ctx, true)
	if err != nil {
		return err
	}
	defer m.stop()
	r, err := m.firstReport(ctx, "again")
	if err != nil {
		return err
	}
	if r.Uploaded.Parts > 0 {
		return fmt.Errorf("%d parts were uploaded that are stored", r.Uploaded.Parts)
	}
	own := (r.Took.Build + r.Took.Upload) / 1000
	t.add("… without uploads", fmt.Sprintf("%.2f s", own+r.Took.Fetch/1000), milliseconds(r.Took.Fetch), milliseconds(r.Took.Build), milliseconds(r.Took.Upload), "",
		fmt.Sprintf("%.2f s", m.spent().Seconds()), "", "", c.below("first ingest besides the fetch and the uploads", own, 2, "s"))
	return nil
}

// edit commits edits of one question each, and syncs each.
func (c *contentBench) edit(ctx context.Context, m *machine) (e edits, err error) {
	for range editsEachRound * c.rounds {
		if _, err := c.mega.Commit(ctx, coursegen.OneQuestion); err != nil {
			return e, err
		}
		cpu, requests, up := m.spent(), c.site.store.requests.Load(), c.site.store.up.Load()
		r, err := m.sync(ctx, "mega")
		if err != nil {
			return e, err
		}
		if !r.Published || r.Uploaded.Parts != 1 {
			return e, fmt.Errorf("an edit of one question uploaded %d parts", r.Uploaded.Parts)
		}
		e.total = append(e.total, r.Took.Total)
		e.own = append(e.own, r.Took.Total-r.Took.Fetch-r.Took.Upload)
		e.cpu = append(e.cpu, inMS(m.spent()-cpu))
		e.requests = append(e.requests, float64(c.site.store.requests.Load()-requests))
		e.bytes = append(e.bytes, float64(c.site.store.up.Load()-up))
		c.progress("edit: %+v", r.Took)
	}
	return e, nil
}

// archive makes a gzipped archive of a course and stores it, as a platform without chunks does. It returns the time and the
// size.
func (c *contentBench) archive(ctx context.Context, course *coursegen.Course) (took time.Duration, size int64, err error) {
	var all series
	file := filepath.Join(c.dir, "archive.tar.gz")
	for range max(1, c.rounds/2) {
		began := time.Now()
		if _, err := output(ctx, "sh", "-c", `git -C "$1" archive --format=tar HEAD | gzip > "$2"`, "sh", course.Dir, file); err != nil {
			return 0, 0, err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return 0, 0, err
		}
		size = int64(len(data))
		if err := c.site.store.put(ctx, archiveKey, data); err != nil {
			return 0, 0, err
		}
		all = append(all, float64(time.Since(began)))
	}
	return time.Duration(median(all)), size, nil
}

const archiveKey = "archive.tar.gz"
