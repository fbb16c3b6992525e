package cluster

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"holdfast/internal/health"
)

// cast is a set of scripted hosts, for tests in the fake time of synctest.
type cast struct {
	mu    sync.Mutex // protects the following
	hosts map[string]*actor
}

// actor is a host of a cast.
type actor struct {
	cast    *cast
	says    sample
	fails   error // errSilent: it never answers
	asked   int
	renewed int
}

var (
	errSilent  = errors.New("silent")
	errRefused = errors.New("connection refused")
)

func (a *actor) check(ctx context.Context) (sample, error) {
	a.cast.mu.Lock()
	a.asked++
	s, err := a.says, a.fails
	a.cast.mu.Unlock()
	if errors.Is(err, errSilent) {
		<-ctx.Done()
		return sample{}, ctx.Err()
	}
	s.sent, s.received = time.Now(), time.Now()
	return s, err
}

func (a *actor) renew() {
	a.cast.mu.Lock()
	a.renewed++
	a.cast.mu.Unlock()
}

func (a *actor) close() {}

// set changes what a host does: "P2", "R1" and so on as on reads it; "-" refuses, "silent" says nothing.
func (c *cast) set(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.hosts[name]
	if a == nil {
		a = &actor{cast: c}
		c.hosts[name] = a
	}
	a.fails = nil
	switch text {
	case "-":
		a.fails = errRefused
	case "silent":
		a.fails = errSilent
	default:
		a.says = on(name, text).sample
		a.says.age = -1
	}
}

// replayed says where a host is in the WAL.
func (c *cast) replayed(name string, lsn LSN) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts[name].says.lsn, c.hosts[name].says.replay = lsn, lsn
}

func (c *cast) asked(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts[name].asked
}

// stage starts a cluster of scripted hosts called a, b, …; it is stopped when the test is over.
func stage(t *testing.T, config Config, texts ...string) (*Cluster, *cast) {
	t.Helper()
	play := &cast{hosts: map[string]*actor{}}
	for i, text := range texts {
		name := string(rune('a' + i))
		play.set(name, text)
		config.Hosts = append(config.Hosts, Host{Name: name, Address: name + ":5432", Weight: 1 + i%2})
	}
	c := build(config, slog.New(slog.DiscardHandler), func(h Host) prober { return play.hosts[h.Name] })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c, play
}

func primaryNow(c *Cluster) string { return c.State().Primary.Name }

// codes returns the findings that would be shown after a while.
func codes(r *health.Registry) map[string]string {
	all := map[string]string{}
	for _, f := range r.Snapshot() {
		all[f.Code+" "+f.Subject] = f.Text
	}
	return all
}
