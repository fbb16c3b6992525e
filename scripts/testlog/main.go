// Command testlog reads what "go test -json" prints and writes what a person wants to see of it: a line for each
// package as it ends, all output of what failed, and, to the file that -summary names, go's closing lines and how many
// tests passed, failed and were skipped. Lines that are no events, such as those of make, are passed on.
//
// Tests are counted as they stand in the source: subtests belong to the test that holds them. Packages that fail
// without a failing test of their own (they do not compile, they leak, they time out) count as one failure each.
//
// With -again N, tests that failed are run again alone, with the arguments of go test that follow, if there are no more than N of them
// and each merely failed: it saw no data race and no panic. One that passes three times in a row then counts as passed and is named as
// unsteady in the last lines. That is a fault as well, of the test or of what it tests, and somebody has to look into it; but the
// thousands of others need not be run again for it.
//
// It exits with status 1 when something failed or nothing was tested, and with 3 when all is well but some test was unsteady.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	summary := flag.String("summary", "", "file to write go's closing lines and the counts to")
	most := flag.Int("again", 0, "how many failed tests at most are run again")
	flag.Parse()
	l := newLog(os.Stdout)
	if err := l.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(1)
	}
	l.again(*most, func(t failure) (string, bool) { return runAlone(t, flag.Args()) })
	if *summary != "" {
		if err := os.WriteFile(*summary, []byte(l.summary()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "testlog:", err)
			os.Exit(1)
		}
	}
	fmt.Print(l.end())
	switch {
	case l.failed > 0 || l.passed == 0:
		os.Exit(1)
	case len(l.unsteady) > 0:
		os.Exit(3)
	}
}

// event is a line of go test -json; see go doc test2json, and go help buildjson for ImportPath.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

// log collects events.
type log struct {
	out                     io.Writer
	passed, failed, skipped int
	output                  map[string][]string // what each unfinished test, package or build has printed, by its name
	guilty                  map[string]bool     // packages with a failing test
	failures                []failure           // tests that failed
	unsteady                []failure           // of those: passed when they were run again
	closing                 []string            // go's last line for each package
}

func newLog(out io.Writer) *log {
	return &log{out: out, output: map[string][]string{}, guilty: map[string]bool{}}
}

func (l *log) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			l.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *log) line(line string) {
	var e event
	if !strings.HasPrefix(line, "{") || json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
		fmt.Fprint(l.out, line)
		return
	}
	name, _, _ := strings.Cut(e.Test, "/") // what subtests print belongs to their test
	key := e.Package + e.ImportPath + " " + name
	switch {
	case e.Action == "output" || e.Action == "build-output":
		l.output[key] = append(l.output[key], e.Output)
	case e.Action == "build-fail":
		l.show(key)
	case e.Test == "":
		l.endPackage(e, key)
	case e.Test == name:
		l.endTest(e, key)
	}
}

// endTest counts a test that ended; other events are of no interest.
func (l *log) endTest(e event, key string) {
	switch e.Action {
	case "pass":
		l.passed++
	case "fail":
		l.failed++
		l.guilty[e.Package] = true
		l.failures = append(l.failures, failure{e.Package, e.Test, isGrave(l.output[key])})
		l.show(key)
	case "skip":
		l.skipped++
		l.show(key)
	default:
		return
	}
	delete(l.output, key)
}

// endPackage prints the last line of a package that ended, or everything if it failed.
func (l *log) endPackage(e event, key string) {
	if e.Action != "pass" && e.Action != "fail" && e.Action != "skip" {
		return
	}
	own := l.output[key]
	delete(l.output, key)
	if e.Action == "fail" {
		l.endFailed(e, own)
	}
	for _, line := range own {
		if isClosing(line) {
			l.closing = append(l.closing, line)
			fmt.Fprint(l.out, line)
		}
	}
}

// endFailed shows what a failed package printed outside of its tests, and what tests printed that never ended.
func (l *log) endFailed(e event, own []string) {
	more := isGrave(own) // than tests that failed
	for key := range l.output {
		if strings.HasPrefix(key, e.Package+" ") {
			l.show(key)
			delete(l.output, key)
			more = true
		}
	}
	if more || !l.guilty[e.Package] {
		l.failed++
	}
	for _, line := range own {
		if !isClosing(line) {
			fmt.Fprint(l.out, line)
		}
	}
}

func (l *log) show(key string) { fmt.Fprint(l.out, strings.Join(l.output[key], "")) }

// isClosing reports go's last line for a package: "ok", "FAIL" or "?" and the package's path.
func isClosing(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "?   \t")
}

func (l *log) counts() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", l.passed, l.failed, l.skipped)
}

func (l *log) summary() string { return strings.Join(l.closing, "") + l.end() }

// end is what comes last.
func (l *log) end() string {
	var b strings.Builder
	for _, f := range l.unsteady {
		fmt.Fprintf(&b, "unsteady: %s of %s failed beside the others and passed alone\n", f.test, f.pkg)
	}
	return b.String() + l.counts() + "\n"
}
