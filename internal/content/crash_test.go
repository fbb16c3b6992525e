package content

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/blob/disk"
	"holdfast/internal/coursegen"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
)

// victim says what a process that is to be killed does.
type victim struct {
	URL, Store, Mirrors string
	Sources             map[string]SourceConfig
	Kill                string // the step at which it kills itself; "" to run until it is killed
	TTL                 time.Duration
}

// child is what the test binary does when a test started it as another process.
func child(what string) error {
	var v victim
	if err := json.Unmarshal([]byte(what), &v); err != nil {
		return err
	}
	ctx := context.Background()
	db, err := postgres.Connect(ctx, postgrestest.Config(v.URL))
	if err != nil {
		return err
	}
	store, err := disk.Open(disk.Options{Root: v.Store})
	if err != nil {
		return err
	}
	cfg := DefaultConfig()
	cfg.Sources, cfg.Poll, cfg.GCEvery, cfg.ScrubEvery = v.Sources, 0, 0, 0
	c, err := newWith(Options{
		Config: cfg, DB: db, Store: store, MasterKey: secret.New(testMasterKey), Mirrors: v.Mirrors, RoleTTL: v.TTL,
		Observe: func(_, step string) {
			if v.Kill != "" && strings.HasPrefix(step, v.Kill) {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		},
	}, func(*Content) (consumer, error) { return &ear{}, nil })
	if err != nil {
		return err
	}
	if v.Kill == "" {
		if err := c.Start(ctx); err != nil {
			return err
		}
		select {}
	}
	if mine, err := c.producer.role.take(ctx); err != nil || !mine {
		return errors.Join(err, errors.New("the role is taken"))
	}
	_, err = c.sync(ctx, c.producer.role.held(), "physics", usual, quiet)
	return errors.Join(err, errors.New("the sync went past the step "+v.Kill))
}

// start starts the victim as another process.
func (v victim) start(t testing.TB) *exec.Cmd {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(data))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// onDisk gives the world a store that other processes can open.
func (w *world) onDisk() string {
	w.t.Helper()
	root := filepath.Join(w.t.TempDir(), "store")
	store, err := disk.Open(disk.Options{Root: root, Create: true})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := store.Close(); err != nil {
			w.t.Error(err)
		}
	})
	w.store = store
	return root
}

// E-45, S4-35: killed between any two steps of a sync, the old revision is served, and the next sync repairs it without help.
func TestAKillAtAnyStepLeavesTheOldRevisionAndTheNextSyncRepairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.onDisk()
	w.ttl = 300 * time.Millisecond
	course := w.course("physics", small(40), func(s *SourceConfig) { s.Hook = "true" })
	c, _ := w.build()
	syncAlone(t, c)
	for _, step := range []string{
		"fetching", "fetched", "building", "built", "packed", "parts stored", "storing the index", "index stored",
		"publishing", "asking the hook", "hook agreed", "published", "kept",
	} {
		before, err := c.Current(t.Context(), "physics")
		if err != nil {
			t.Fatal(err)
		}
		head := commit(t, course, coursegen.OneQuestion)
		v := victim{w.url, root, w.mirrors, w.cfg.Sources, step, w.ttl}
		err = v.start(t).Wait()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL { //nolint:forcetypeassert // as on every Unix
			t.Fatalf("at step %q the process ended with %v; want it killed", step, err)
		}
		now, err := c.Current(t.Context(), "physics")
		if err != nil {
			t.Fatal(err)
		}
		committed := step == "published" || step == "kept"
		if committed != (now.Commit.String() == head) || !committed && now.Commit != before.Commit {
			t.Errorf("killed at %q: current is %s; before it was %s, the branch has %s", step, now.Commit, before.Commit, head)
		}
		wantWhole(t, c, "physics")
		report := syncAlone(t, c)
		if report.Commit != head || report.Published == committed {
			t.Errorf("the sync after a kill at %q: current %s, published %v; want %s", step, report.Commit, report.Published, head)
		}
		wantWhole(t, c, "physics")
	}
	if n := count(t, c, "{s}.content_revisions"); n != 14 {
		t.Errorf("%d revisions; want 14", n)
	}
}

// syncAlone takes the role as soon as the dead one's is over, and syncs.
func syncAlone(t testing.TB, c *Content) *Report {
	t.Helper()
	eventually(t, "the role is free", func() bool {
		mine, err := c.producer.role.take(t.Context())
		return err == nil && mine
	})
	report := syncNow(t, c, c.producer.role.held(), "physics")
	if err := c.producer.role.giveUp(t.Context(), c.channel()); err != nil {
		t.Fatal(err)
	}
	return report
}

// S4-30, C-28: the holder is killed, another process takes over and goes on with what it was asked.
func TestAnotherProcessTakesOverFromAKilledHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := w.onDisk()
	w.ttl = time.Second
	course := w.course("physics", small(41))
	first := victim{w.url, root, filepath.Join(t.TempDir(), "other"), w.cfg.Sources, "", w.ttl}.start(t)
	c, e := w.build()
	eventually(t, "the first process has the role", func() bool { return count(t, c, "{s}.content_roles") == 1 })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stopContent(t, c)
	eventually(t, "the first process publishes", func() bool { return e.latest("physics").Seq == 1 })
	if c.producer.role.held() != 0 {
		t.Fatal("this process took the role from one that is alive")
	}
	head := commit(t, course, coursegen.OneQuestion)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	began := time.Now()
	report, err := c.Sync(t.Context(), SyncRequest{Source: "physics"}, nil)
	if err != nil || report.Commit != head || !report.Published {
		t.Errorf("sync after the kill: %+v, %v", report, err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("taking over and cloning took %v", took)
	}
	lifecycletest.Eventually(t, 5*time.Second, func() error {
		if got := e.latest("physics"); got.Commit.String() != head {
			return errors.New("not told of the revision")
		}
		return nil
	})
}
