package assets

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/postgres/postgrestest"
)

// In development a change is served without a command, and a build by another process always is.
func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	watching, wb := c.node(siteFiles(), func(o *Options) { o.Config.Build = BuildWatch })
	manual, mb := c.node(siteFiles(), func(o *Options) { o.Config.Build = BuildManual })
	expect(t, ask(t, manual, "GET", "/static/new.css"), 404, nil)
	wb.write("new.css", "a{}")
	mb.write("new.css", "a{}")
	mb.build()
	for _, a := range []*Assets{watching, manual} {
		lifecycletest.Eventually(t, 20*time.Second, func() error {
			if resp := ask(t, a, "GET", "/static/new.css"); resp.StatusCode != 200 {
				return fmt.Errorf("status %d", resp.StatusCode)
			}
			return nil
		})
	}
}

// A root that is lost does not take what was built from it.
func TestTheLastBuildIsServedWhenTheNextOneFails(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	b := newBench(t, siteFiles())
	b.build()
	b.config.Root += "-gone"
	failed := make(chan error, 10)
	a, _ := c.node(nil, func(o *Options) {
		o.Config = b.config
		o.Report = func(work string, err error) {
			if work == WorkBuild {
				failed <- err
			}
		}
	})
	expect(t, ask(t, a, "GET", "/static/css/main.css"), 200, nil)
	if err := <-failed; fault.CodeOf(err) != "static_root" {
		t.Errorf("reported: %v", err)
	}
	empty := newBench(t, nil)
	empty.config.Root += "-gone"
	fails, err := New(Options{Config: empty.config, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := fails.Start(t.Context()); fault.CodeOf(err) != "static_root" {
		t.Errorf("a start with nothing to serve: %v", err)
	}
}

func TestTheServiceKeepsTheContractOfLifecycle(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	b := newBench(t, map[string]string{"a.css": "a{}"})
	db := postgrestest.Connect(t, c.pg.URL())
	lifecycletest.Stress(t, func() lifecycle.Service {
		a, err := New(Options{Config: b.config, DB: db, Store: c.store, Share: true, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return a
	})
}
