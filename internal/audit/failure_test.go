package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/audit"
	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// disk is a file that fails while it is told to.
type disk struct {
	audit.Output
	mu      sync.Mutex // protects the following
	full    bool
	allowed int // bytes that still go in while it is full
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.full {
		return d.Output.Write(p)
	}
	n, err := d.Output.Write(p[:min(d.allowed, len(p))])
	d.allowed -= n
	if err == nil && n < len(p) {
		err = syscall.ENOSPC
	}
	return n, err
}

func (d *disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return syscall.EIO
	}
	return d.Output.Sync()
}

func (d *disk) fill(full bool, allowed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full, d.allowed = full, allowed
}

// onDisk puts a disk under a writer that has not started.
func (b *bench) onDisk() *disk {
	d := &disk{}
	b.Wrap(func(o audit.Output) audit.Output {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.Output = o
		return d
	})
	return d
}

// fillQueue records until the queue is full.
func (b *bench) fillQueue(t *testing.T) {
	t.Helper()
	for b.Stats().Queued <= int(b.config.Queue) {
		b.say("queued")
	}
}

func TestAFullDiskRefusesStatementsAndLosesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *audit.Config) { c.Queue, c.OnFullWait = 64<<10, unit.Duration(time.Second) })
	d := b.onDisk()
	b.start(t)
	d.fill(true, 30) // the first line goes in by half
	b.fillQueue(t)
	began := time.Now()
	err := b.Admit(t.Context())
	if !errors.Is(err, audit.ErrFull) || fault.KindOf(err) != fault.Full || time.Since(began) < time.Second {
		t.Errorf("Admit: %v after %v; want audit_full after a second", err, time.Since(began))
	}
	began = time.Now()
	if err := b.Admit(t.Context()); !errors.Is(err, audit.ErrFull) || time.Since(began) >= time.Second {
		t.Errorf("second Admit: %v after %v; want audit_full at once", err, time.Since(began))
	}
	if got := b.Stats().Refused; got != 2 {
		t.Errorf("%d statements count as refused; want 2", got)
	}
	b.say("admitted before")
	eventually(t, "a finding", func() bool { return b.shown() == "audit_write" })
	d.fill(false, 0)
	eventually(t, "statements are admitted again", func() bool { return b.Admit(t.Context()) == nil })
	b.flush(t)
	stats := b.Stats()
	lines := read(t, b.config.File)
	if len(lines) != int(stats.Records) || lines[len(lines)-1].Person != "admitted before" || stats.Dropped != 0 {
		t.Errorf("%d lines, %+v; want every record", len(lines), stats)
	}
	if stats.Failures == 0 {
		t.Errorf("stats %+v; want failures", stats)
	}
	eventually(t, "no finding is left", func() bool { return b.shown() == "" })
}

func TestAStatementThatWaitsIsAdmittedOnceThereIsRoom(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *audit.Config) { c.Queue, c.OnFullWait = 64<<10, unit.Duration(time.Minute) })
	d := b.onDisk()
	b.start(t)
	d.fill(true, 0)
	b.fillQueue(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Admit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Admit with a cancelled context: %v", err)
	}
	admitted := make(chan error)
	go func() { admitted <- b.Admit(t.Context()) }()
	d.fill(false, 0)
	if err := <-admitted; err != nil {
		t.Errorf("Admit: %v; want nil once there is room", err)
	}
}

func TestAFullDiskDropsRecordsAndTellsHowMany(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *audit.Config) {
		c.Queue, c.OnFull, c.OnFullWait = 64<<10, audit.Drop, unit.Duration(20*time.Millisecond)
	})
	d := b.onDisk()
	b.start(t)
	d.fill(true, 0)
	b.fillQueue(t)
	if err := b.Admit(t.Context()); err != nil {
		t.Errorf("Admit: %v; want nil", err)
	}
	began := time.Now()
	for range 1000 {
		b.say("dropped")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("1000 dropped records took %v; want one wait only", took)
	}
	d.fill(false, 0)
	eventually(t, "the loss is told", func() bool { return b.shown() == "audit_lost" })
	b.say("after")
	b.flush(t)
	lines := read(t, b.config.File)
	told := lines[len(lines)-2]
	if told.Event != "lost" || told.Records != 1000 || lines[len(lines)-1].Person != "after" || b.Stats().Dropped != 1000 {
		t.Errorf("last lines %+v, %+v; want 1000 lost, then one record", lines[len(lines)-2:], b.Stats())
	}
}

func TestALineWrittenInPartIsWrittenWholeInTheNextFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.onDisk()
	b.start(t)
	b.say("a")
	b.flush(t)
	d.fill(true, 200) // the second of these is torn
	b.say("b")
	b.say("c")
	b.say("d")
	eventually(t, "a failure", func() bool { return b.Stats().Failures > 0 })
	moved := b.config.File + ".1"
	if err := os.Rename(b.config.File, moved); err != nil {
		t.Fatal(err)
	}
	b.Reopen()
	eventually(t, "a new file", func() bool { _, err := os.Stat(b.config.File); return err == nil })
	d.fill(false, 0)
	b.flush(t)
	if got := persons(read(t, moved)) + " | " + persons(read(t, b.config.File)); got != "a b | c d" {
		t.Errorf("files of %q; want a b | c d", got)
	}
	if q := b.Stats().Queued; q != 0 {
		t.Errorf("%d bytes queued at the end; want 0", q)
	}
}

func TestWhatCouldNotBeWrittenIsWrittenAfterARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.onDisk()
	b.start(t)
	d.fill(true, 200)
	b.say("a")
	b.say("b")
	b.say("c")
	if err := b.Stop(t.Context()); fault.CodeOf(err) != "audit_write" {
		t.Errorf("Stop: %v; want audit_write", err)
	}
	d.fill(false, 0)
	b.start(t)
	b.say("d")
	b.flush(t)
	if got := persons(read(t, b.config.File)); got != "a b c d" {
		t.Errorf("stream of %q; want a b c d", got)
	}
}

func TestAFailedSyncIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := b.onDisk()
	b.start(t)
	d.fill(true, 1000) // takes the line, but does not sync it
	b.say("a")
	if err := b.Flush(t.Context()); fault.CodeOf(err) != "audit_write" {
		t.Errorf("Flush: %v; want audit_write", err)
	}
	if got := b.shown(); !strings.Contains(got, "audit_lost") {
		t.Errorf("findings %q; want audit_lost among them", got)
	}
}

func TestATornLineIsKeptAsARecord(t *testing.T) {
	t.Parallel()
	f := func(content, want string, texts ...string) {
		t.Helper()
		b := newBench(t)
		if err := os.MkdirAll(filepath.Dir(b.config.File), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(b.config.File, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		b.start(t)
		b.say("next")
		b.flush(t)
		lines := read(t, b.config.File)
		if got := persons(lines); got != want {
			t.Errorf("after %.40q the stream is %q; want %q", content, got, want)
		}
		for _, l := range lines {
			if l.Event == "recovered" && (l.Text != texts[0] || l.Bytes == 0) {
				t.Errorf("after %.40q: %+v; want the torn bytes %q", content, l, texts[0])
			}
		}
	}
	const whole = `{"event":"statement","person":"a"}`
	f("", "next")
	f(whole+"\n", "a next")
	f(whole, "a next")
	f(whole+"\n"+`{"event":"state`, "a <recovered> next", `{"event":"state`)
	f(whole+"\n"+`{"ev`+strings.Repeat("\x00", 100_000), "a <recovered> next", `{"ev`)
	f(`{"ev`, "<recovered> next", `{"ev`)
}
