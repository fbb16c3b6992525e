package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
)

const coldQuestions = 60 // in each round

// coldSeries are the figures of new servers, in milliseconds.
type coldSeries struct {
	first, question, get, over, requests, course, cpu, archive series
}

// cold measures servers with an empty disk, near their store and far from it, beside git and an archive.
func (c *contentBench) cold(ctx context.Context) error {
	if _, _, err := c.archive(ctx, c.course); err != nil {
		return err
	}
	key, err := c.somePart(ctx)
	if err != nil {
		return err
	}
	t := table{
		title: "Content: a new server, with an empty disk",
		note: fmt.Sprintf("A generated course of %d questions in some 450 chunks. A question is its chunk alone, %d of them one after the other, beside one GET of a part of "+
			"the same store by the same proxy. The whole course is asked for in one call (32 parts in flight). The archive is fetched from the same store and "+
			"unpacked by tar; git clones from, and adds a worktree to, a repository on the same disk. %d rounds, each with a new server.", courseQuestions, coldQuestions, c.rounds),
		head: []string{"store", "first answer", "question p50", "GET p50", "question − GET", "requests", "bar", "whole course", "processor time", "bar", "archive", "git clone", "git worktree add"},
	}
	for _, delay := range []time.Duration{0, far} {
		c.site.store.delay.Store(int64(delay))
		var s coldSeries
		var clone, worktree series
		for range c.rounds {
			if err := c.coldRound(ctx, key, &s); err != nil {
				return err
			}
			a, b, err := c.gitRound(ctx)
			if err != nil {
				return err
			}
			clone, worktree = append(clone, a), append(worktree, b)
		}
		c.site.store.delay.Store(0)
		name, bar := "near", ""
		if delay > 0 {
			name, bar = fmt.Sprintf("+ %s", delay), c.below("cold course of 450 chunks at 30 ms", median(s.course)/1000, 1, "s")
		}
		t.add(name, milliseconds(median(s.first)), milliseconds(median(s.question)), milliseconds(median(s.get)), milliseconds(median(s.over)),
			fmt.Sprintf("%.1f", median(s.requests)), c.below("cold question besides the store's answer ("+name+")", median(s.over), 2, "ms"),
			fmt.Sprintf("%.2f s", median(s.course)/1000), fmt.Sprintf("%.2f s", median(s.cpu)/1000), bar,
			fmt.Sprintf("%.2f s", median(s.archive)/1000), fmt.Sprintf("%.2f s", median(clone)/1000), fmt.Sprintf("%.2f s", median(worktree)/1000))
	}
	c.report.add(t)
	return nil
}

// coldRound measures one new server.
func (c *contentBench) coldRound(ctx context.Context, key string, s *coldSeries) error {
	m, err := c.site.machine(ctx, false)
	if err != nil {
		return err
	}
	defer m.stop()
	questions := c.course.Questions()
	_, first, err := m.ensure(ctx, "course", "question:"+questions[0])
	if err != nil {
		return err
	}
	var one, get []float64
	before := c.site.store.requests.Load()
	for _, q := range questions[1 : 1+coldQuestions] {
		a, took, err := m.ensure(ctx, "course", "question:"+q)
		if err != nil {
			return err
		}
		if len(a.Cold) == 0 {
			return fmt.Errorf("the question %s was there already", q)
		}
		one = append(one, inMS(took))
	}
	requests := float64(c.site.store.requests.Load()-before) / coldQuestions
	for range coldQuestions {
		took, _, err := c.site.store.get(ctx, key)
		if err != nil {
			return err
		}
		get = append(get, inMS(took))
	}
	course, cpu, err := c.wholeCourse(ctx)
	if err != nil {
		return err
	}
	archive, err := c.unpackArchive(ctx)
	if err != nil {
		return err
	}
	s.first, s.question, s.get = append(s.first, inMS(first)), append(s.question, median(one)), append(s.get, median(get))
	s.over, s.requests = append(s.over, median(one)-median(get)), append(s.requests, requests)
	s.course, s.cpu, s.archive = append(s.course, inMS(course)), append(s.cpu, inMS(cpu)), append(s.archive, inMS(archive))
	c.progress("cold: first %s, question %.1f ms, GET %.1f ms, course %s", first, median(one), median(get), course)
	return nil
}

// wholeCourse measures the first ensure of everything on another new server.
func (c *contentBench) wholeCourse(ctx context.Context) (took, cpu time.Duration, err error) {
	m, err := c.site.machine(ctx, false)
	if err != nil {
		return 0, 0, err
	}
	defer m.stop()
	before := m.spent()
	_, took, err = m.ensure(ctx, "course", "all")
	return took, m.spent() - before, err
}

// unpackArchive fetches the archive and unpacks it.
func (c *contentBench) unpackArchive(ctx context.Context) (time.Duration, error) {
	dir, err := os.MkdirTemp(c.dir, "archive-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	_, data, err := c.site.store.get(ctx, archiveKey)
	if err != nil {
		return 0, err
	}
	tar := exec.CommandContext(ctx, "tar", "-xzf", "-", "-C", dir)
	tar.Stdin = bytes.NewReader(data)
	if out, err := tar.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("tar: %w\n%s", err, out)
	}
	return time.Since(began), nil
}

// gitRound measures a clone and a worktree, in milliseconds.
func (c *contentBench) gitRound(ctx context.Context) (clone, worktree float64, err error) {
	dir, err := os.MkdirTemp(c.dir, "git-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	began := time.Now()
	if _, err := output(ctx, "git", "clone", "--quiet", "file://"+c.course.Dir, filepath.Join(dir, "clone")); err != nil {
		return 0, 0, err
	}
	clone = inMS(time.Since(began))
	if _, err := output(ctx, "git", "clone", "--quiet", "--bare", "file://"+c.course.Dir, filepath.Join(dir, "bare")); err != nil {
		return 0, 0, err
	}
	began = time.Now()
	_, err = output(ctx, "git", "-C", filepath.Join(dir, "bare"), "worktree", "add", "--quiet", "--detach", filepath.Join(dir, "tree"))
	return clone, inMS(time.Since(began)), err
}

// somePart returns the key of a part of a usual size.
func (c *contentBench) somePart(ctx context.Context) (string, error) {
	for o := range c.site.store.client.ListObjects(ctx, farBucket, minio.ListObjectsOptions{Recursive: true}) {
		if o.Err != nil {
			return "", o.Err
		}
		if strings.Contains(o.Key, "content/v1/") && o.Size > 1000 && o.Size < 4000 {
			return o.Key, nil
		}
	}
	return "", fmt.Errorf("the store holds no part of a usual size")
}
