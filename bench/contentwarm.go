package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/treecache"
)

const (
	warmCalls = 3000
	lockCalls = 20_000
)

// warm measures ensure of what is there: through the socket, and by the lock file without any daemon.
func (c *contentBench) warm(ctx context.Context) error {
	q := c.course.Questions()[0]
	a, _, err := c.author.ensure(ctx, "course", "render:"+q)
	if err != nil {
		return err
	}
	var p50, p99, cpu, lock50, lock99 series
	for range c.rounds {
		before := c.author.spent()
		socket := make([]float64, warmCalls)
		for i := range socket {
			_, took, err := c.author.ensure(ctx, "course", "render:"+q)
			if err != nil {
				return err
			}
			socket[i] = float64(took) / 1e3
		}
		cpu = append(cpu, float64((c.author.spent()-before).Microseconds())/warmCalls)
		p50, p99 = append(p50, at(socket, 0.5)), append(p99, at(socket, 0.99))
		lock, err := lockLoop(a.Dir, []string{"question:" + q, "elements", "serverFilesCourse", "clientFilesCourse"})
		if err != nil {
			return err
		}
		lock50, lock99 = append(lock50, at(lock, 0.5)), append(lock99, at(lock, 0.99))
	}
	t := table{
		title: "Content: ensure what is there",
		note: fmt.Sprintf("A render of one question, with its elements and course files, by one client: %d calls on a connection that is kept (net/http), and "+
			"%d times the lock file (open, flock, two fstat, a stat for each of four chunks, close). %d rounds. The server's processor time is that of ensure and release together.",
			warmCalls, lockCalls, c.rounds),
		head: []string{"way", "p50", "p99", "server's processor time", "bar (p50)"},
	}
	t.add("socket", fmt.Sprintf("%.0f µs", median(p50)), fmt.Sprintf("%.0f µs", median(p99)), fmt.Sprintf("%.0f µs", median(cpu)),
		c.below("warm ensure by socket", median(p50), 150, "µs"))
	t.add("lock file", fmt.Sprintf("%.1f µs", median(lock50)), fmt.Sprintf("%.1f µs", median(lock99)), "none",
		c.below("warm ensure by lock file", median(lock50), 10, "µs"))
	c.report.add(t)
	return nil
}

// at returns the value that this share of the values is not above.
func at(values []float64, share float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return s[min(len(s)-1, int(share*float64(len(s))))]
}

// lockLoop takes and leaves the lock of a view, and returns the microseconds of each time.
func lockLoop(dir string, keys []string) ([]float64, error) {
	lease := filepath.Join(dir, ".lease")
	var markers []string
	for _, key := range keys {
		markers = append(markers, filepath.Join(dir, ".holdfast", treecache.MarkerName(key)))
	}
	took := make([]float64, lockCalls)
	for i := range took {
		began := time.Now()
		if err := lockOnce(lease, markers); err != nil {
			return nil, err
		}
		took[i] = float64(time.Since(began)) / 1e3
	}
	return took, nil
}

// lockOnce is what an application does before it opens files, and after.
func lockOnce(lease string, markers []string) error {
	fd, err := unix.Open(lease, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: lease, Err: err}
	}
	defer unix.Close(fd)
	if err := unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB); err != nil {
		return fmt.Errorf("lock %s: %w", lease, err)
	}
	var ours, there unix.Stat_t
	if err := unix.Fstat(fd, &ours); err != nil {
		return err
	}
	if err := unix.Stat(lease, &there); err != nil || ours.Ino != there.Ino {
		return fmt.Errorf("the lease file of a view was replaced: %w", err)
	}
	for _, m := range markers {
		if err := unix.Stat(m, &there); err != nil {
			return &os.PathError{Op: "stat", Path: m, Err: err}
		}
	}
	return nil
}
