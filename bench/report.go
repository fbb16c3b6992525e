package main

import (
	"errors"
	"fmt"
	"io/fs"
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

// report is docs/numbers.md: a preface, and a part for each room between two marks, so that one can be written anew.
type report struct {
	path   string
	quick  bool
	parts  map[string]string // what the file holds of each room
	tables []table           // of the room that is being measured
	missed []string          // bars, in words
}

// order is that of the parts in the file.
func order() []string {
	return []string{"pooler", "pooler-idle", "s3", "links", "content", "assets", "edge"}
}

func openReport(path string, quick bool) (*report, error) {
	r := &report{path: path, quick: quick, parts: map[string]string{}}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, name := range order() {
		_, rest, _ := strings.Cut(string(text), opening(name))
		part, _, whole := strings.Cut(rest, closing)
		if whole {
			r.parts[name] = part
		}
	}
	return r, nil
}

const closing = "<!-- end -->\n"

func opening(room string) string { return "<!-- room: " + room + " -->\n" }

func (r *report) add(t table) {
	r.tables = append(r.tables, t)
	fmt.Println(t)
}

// close writes the part of the room that was just measured, and keeps the others.
func (r *report) close(room, command string, w watch) error {
	var b strings.Builder
	fmt.Fprintf(&b, "*%s by `%s`: %d CPUs (%s), Linux %s, %s. %s; %s.*\n\n", time.Now().UTC().Format("2006-01-02"), command,
		runtime.NumCPU(), cpuModel(), kernel(), runtime.Version(), strings.Join(versions(room), "; "), w.others())
	if r.quick {
		b.WriteString("**A quick run: not for publication.**\n\n")
	}
	if len(r.missed) > 0 {
		count := "1 bar is"
		if n := len(r.missed); n > 1 {
			count = fmt.Sprintf("%d bars are", n)
		}
		fmt.Fprintf(&b, "**%s missed:**\n\n- %s\n\n", count, strings.Join(r.missed, "\n- "))
	}
	for _, t := range r.tables {
		b.WriteString(t.String() + "\n")
	}
	r.parts[room], r.tables, r.missed = b.String(), nil, nil
	return os.WriteFile(r.path, []byte(r.String()), 0o644)
}

func (r *report) String() string {
	var b strings.Builder
	b.WriteString(preface)
	for _, name := range order() {
		if part, ok := r.parts[name]; ok {
			b.WriteString(opening(name) + part + closing + "\n")
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

const preface = "# Numbers\n\nWritten by `make bench`. Every figure is the median of rounds in which the programs take turns; a ratio is the " +
	"median of the ratios round by round. Server and client share the machine's CPUs. The line above each part says how busy the " +
	"machine was with other work: where that is more than a little, only the ratios tell something, and they scatter.\n\n"

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
