package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"time"
)

// table is one comparison in docs/numbers.md.
type table struct {
	title, note, foot string
	head              []string
	rows              [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n%s\n\n", t.title, t.note)
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(t.head, " | "), strings.Repeat("---|", len(t.head)))
	for _, r := range t.rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(r, " | "))
	}
	if t.foot != "" {
		fmt.Fprintf(&b, "\n%s\n", t.foot)
	}
	return b.String()
}

// report is docs/numbers.md.
type report struct {
	tables []table
	quick  bool
	load   string // of the machine before the run
}

func (r *report) add(t table) {
	r.tables = append(r.tables, t)
	fmt.Println(t)
}

func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Numbers\n\nWritten by `make bench` on %s: %d CPUs (%s), Linux %s, %s. Every figure is the median of "+
		"rounds that alternate between the programs; a ratio is the median of the ratios round by round. Server and client share "+
		"the machine's CPUs. Load average of the machine before the run: %s (above 0.5 for each CPU, other work was in the way, and "+
		"only the ratios tell something).\n\nVersions: %s.\n\n",
		time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), cpuModel(), kernel(), runtime.Version(), r.load, versions())
	if r.quick {
		b.WriteString("**A quick run: not for publication.**\n\n")
	}
	for _, t := range r.tables {
		b.WriteString(t.String() + "\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// loadAverage returns the load of the last minute (proc(5)).
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return load
}

func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}

func rate(v float64) string { return fmt.Sprintf("%.0f/s", v) }

func ratio(v float64) string { return fmt.Sprintf("%.2f", v) }

// noise returns bytes that do not compress, the same for every run.
func noise(n int64) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}
