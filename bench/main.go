package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	dir      string
	binary   string
	span     time.Duration
	rounds   int
	holdfast *holdfast // of the room; see site
	report   *report
}

// room is one part of the comparison.
type room struct {
	name string
	run  func(context.Context) error
}

func (b *bench) rooms() []room {
	return []room{
		b.withPostgres("pooler", b.benchTraffic), b.withPostgres("pooler-idle", b.benchIdle),
		b.site("s3", b.benchS3), b.site("links", b.benchLinks),
		b.withPostgres("content", b.benchContent),
		{"assets", b.benchAssets},
		{"edge", b.benchEdge},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context) error {
	b := &bench{}
	flag.StringVar(&b.binary, "holdfast", "bin/holdfast", "the program to measure")
	out := flag.String("out", "docs/numbers.md", "where the report goes; rooms that are not measured keep their place in it")
	dir := flag.String("dir", "", "where the servers keep their data; on the disk that is to be measured (default: the directory for temporary files)")
	only := flag.String("only", "", "measure the rooms whose names begin so: pooler, pooler-idle, s3, links, content, assets, edge")
	flag.IntVar(&b.rounds, "rounds", 0, "how often each program is measured (default 5; 2 with -quick)")
	flag.DurationVar(&b.span, "span", 0, "how long each measurement takes (default 4s; 1s with -quick)")
	quick := flag.Bool("quick", false, "short rounds, for a look")
	flag.Parse()
	b.defaults(*quick)
	var err error
	if b.report, err = openReport(*out, *quick); err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(*dir, "bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o755); err != nil { // PostgreSQL runs as another user
		return err
	}
	return b.visit(ctx, *only)
}

func (b *bench) defaults(quick bool) {
	rounds, span := 5, 4*time.Second
	if quick {
		rounds, span = 2, time.Second
	}
	if b.rounds == 0 {
		b.rounds = rounds
	}
	if b.span == 0 {
		b.span = span
	}
}

// visit goes through the rooms, or one of them, and writes the report after each.
func (b *bench) visit(ctx context.Context, only string) error {
	known := false
	for _, r := range b.rooms() {
		if !strings.HasPrefix(r.name, only) {
			continue
		}
		known = true
		w := newWatch()
		if err := r.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		command := "go run ./bench " + strings.Join(os.Args[1:], " ")
		if err := b.report.close(r.name, strings.TrimSpace(command), w); err != nil {
			return err
		}
	}
	if !known {
		return fmt.Errorf("there is no room %q", only)
	}
	return nil
}

// site returns a room that runs beside a whole Holdfast with a PostgreSQL of its own.
func (b *bench) site(name string, run func(context.Context) error) room {
	return room{name: name, run: func(ctx context.Context) (err error) {
		dir := filepath.Join(b.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if b.holdfast, err = startHoldfast(ctx, dir, b.binary); err != nil {
			return err
		}
		defer b.holdfast.process.stop()
		return run(ctx)
	}}
}

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
