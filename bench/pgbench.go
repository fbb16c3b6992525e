package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// sample is one run of pgbench against one door.
type sample struct {
	tps float64
	cpu float64 // microseconds of the pooler's process for a transaction; 0 without a pooler
	p50 float64 // latency, in microseconds
	p99 float64
}

// load is one kind of work for pgbench.
type load struct {
	mode    string
	clients int
}

const (
	// warmUp is the time after connecting that is not measured: caches fill.
	warmUp = 500 * time.Millisecond
	// longest is the option -T of pgbench. It bounds connecting, too, so we do not let it decide: pgbench ends when the alarm
	// of that option rings, which is the signal SIGALRM, and that we send when the span is over.
	longest = 5 * time.Minute
)

// arguments of pgbench for a door. The log is in memory, so that no disk is in the way.
func (l load) arguments(port, log string) []string {
	return []string{
		"-n", "-S", "-M", l.mode, "-c", strconv.Itoa(l.clients), "-j", strconv.Itoa(min(2, l.clients)),
		"-T", strconv.Itoa(int(longest.Seconds())), "-l", "--log-prefix=" + log, "-h", "127.0.0.1", "-p", port, "-U", benchUser, benchUser,
	}
}

// measure runs pgbench, and takes from its log what happened in a span after connecting.
func (l load) measure(ctx context.Context, pg *pgServer, d *door, span time.Duration) (sample, error) {
	dir, err := os.MkdirTemp(memory(), "bench-")
	if err != nil {
		return sample{}, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, pg.program("pgbench"), l.arguments(d.port, filepath.Join(dir, "log"))...)
	cmd.Env = append(os.Environ(), "PGSSLMODE=disable", "PGGSSENCMODE=disable")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return sample{}, fmt.Errorf("pgbench: %w (apt-get install postgresql)", err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }() // ends with the program: the signal below, -T, or ctx
	w, err := observe(ctx, dir, d, span, done)
	if err == nil {
		_ = cmd.Process.Signal(syscall.SIGALRM) // that it ended before is an error of the next line
		err = <-done
	}
	if err != nil {
		return sample{}, fmt.Errorf("pgbench %s: %w\n%s", d.name, err, said.String())
	}
	return w.evaluate(dir)
}

// window is the part of a run that counts.
type window struct {
	from, to time.Time
	cpu      time.Duration
}

// observe waits until all clients are connected, and looks at the clocks when the window opens and when it closes.
func observe(ctx context.Context, dir string, d *door, span time.Duration, done chan error) (w window, err error) {
	for !begun(dir) {
		if err := pause(ctx, 5*time.Millisecond, done); err != nil {
			return w, err
		}
	}
	if err := pause(ctx, warmUp, done); err != nil {
		return w, err
	}
	before, err := d.work()
	if err != nil {
		return w, err
	}
	w.from = time.Now()
	if err := pause(ctx, span, done); err != nil {
		return w, err
	}
	after, err := d.work()
	w.to, w.cpu = time.Now(), after-before
	return w, err
}

// begun reports whether pgbench has logged anything: its clients wait for each other before the first transaction.
func begun(dir string) bool {
	logs, _ := filepath.Glob(filepath.Join(dir, "log*")) // the pattern is right
	for _, name := range logs {
		if info, err := os.Stat(name); err == nil && info.Size() > 0 {
			return true
		}
	}
	return false
}

// pause waits. That the program ends meanwhile is an error.
func pause(ctx context.Context, d time.Duration, done chan error) error {
	select {
	case <-time.After(d):
		return nil
	case err := <-done:
		return cmp.Or(err, errors.New("it ended too early"))
	case <-ctx.Done():
		return errors.Join(ctx.Err(), <-done)
	}
}

// work returns the processor time that the door's process has used; PostgreSQL itself is not weighed.
func (d *door) work() (time.Duration, error) {
	if d.process == nil {
		return 0, nil
	}
	return processTime(d.process.cmd.Process.Pid)
}

// evaluate reads pgbench's logs: a line for each transaction with its latency and the time of its end (pgbench's manual,
// "Per-Transaction Logging").
func (w window) evaluate(dir string) (sample, error) {
	logs, err := filepath.Glob(filepath.Join(dir, "log*"))
	if err != nil {
		return sample{}, err
	}
	var latencies []float64
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			return sample{}, err
		}
		latencies = w.collect(latencies, text)
	}
	if len(latencies) == 0 {
		return sample{}, errors.New("pgbench logged no transaction")
	}
	slices.Sort(latencies)
	n := len(latencies)
	return sample{
		tps: float64(n) / w.to.Sub(w.from).Seconds(), cpu: float64(w.cpu.Nanoseconds()) / 1e3 / float64(n),
		p50: latencies[n/2], p99: latencies[n*99/100],
	}, nil
}

// collect adds the latencies of the transactions that ended in the window, in microseconds.
func (w window) collect(to []float64, log []byte) []float64 {
	from, until := w.from.UnixMicro(), w.to.UnixMicro()
	for line := range bytes.Lines(log) {
		f := bytes.Fields(line)
		if len(f) < 6 {
			continue
		}
		latency, _ := strconv.ParseFloat(string(f[2]), 64)
		seconds, _ := strconv.ParseInt(string(f[4]), 10, 64)
		micros, _ := strconv.ParseInt(string(f[5]), 10, 64)
		if at := seconds*1e6 + micros; at >= from && at < until {
			to = append(to, latency)
		}
	}
	return to
}

// memory returns a directory in memory, or that for temporary files.
func memory() string {
	if exists("/dev/shm") {
		return "/dev/shm"
	}
	return os.TempDir()
}
