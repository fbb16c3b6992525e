package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	dir      string
	span     time.Duration
	rounds   int
	holdfast *holdfast
	report   *report
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
	binary := flag.String("holdfast", "bin/holdfast", "the program to measure")
	out := flag.String("out", "docs/numbers.md", "where the report goes")
	dir := flag.String("dir", "", "where the servers keep their data; on the disk that is to be measured (default: the directory for temporary files)")
	only := flag.String("only", "", "measure one room: s3 or links")
	rounds := flag.Int("rounds", 5, "how often each program is measured")
	span := flag.Duration("span", 4*time.Second, "how long each measurement takes")
	quick := flag.Bool("quick", false, "short rounds, for a look")
	flag.Parse()
	b := &bench{span: *span, rounds: *rounds, report: &report{quick: *quick, load: loadAverage()}}
	if *quick {
		b.span, b.rounds = time.Second, 2
	}
	var err error
	if b.dir, err = os.MkdirTemp(*dir, "bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := os.Chmod(b.dir, 0o755); err != nil { // PostgreSQL runs as another user
		return err
	}
	if b.holdfast, err = startHoldfast(ctx, b.dir, *binary); err != nil {
		return err
	}
	defer b.holdfast.process.stop()
	for _, room := range []struct {
		name string
		run  func(context.Context) error
	}{{"s3", b.benchS3}, {"links", b.benchLinks}} {
		if *only != "" && *only != room.name {
			continue
		}
		if err := room.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", room.name, err)
		}
	}
	return os.WriteFile(*out, []byte(b.report.String()), 0o644)
}

func (b *bench) progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
