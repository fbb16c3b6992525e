package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// failure is a test that failed.
type failure struct {
	pkg, test string
	grave     bool // not to be tried again
}

// isGrave reports whether a test's output tells of more than a failed expectation.
func isGrave(output []string) bool {
	text := strings.Join(output, "")
	return strings.Contains(text, "WARNING: DATA RACE") || strings.Contains(text, "panic:") || strings.Contains(text, "fatal error:")
}

// again runs what failed once more, if there are at most so many failures and all are tests that merely failed.
func (l *log) again(most int, run func(failure) (output string, ok bool)) {
	if l.failed != len(l.failures) || l.failed > most || slices.ContainsFunc(l.failures, func(f failure) bool { return f.grave }) {
		return
	}
	verdicts := map[string]string{} // of packages whose tests passed when they were run again
	for _, f := range l.failures {
		output, ok := run(f)
		fmt.Fprintf(l.out, "again, alone: %s of %s\n%s", f.test, f.pkg, output)
		if ok {
			l.unsteady = append(l.unsteady, f)
			verdicts[f.pkg] = closingOf(output)
		}
	}
	l.failed -= len(l.unsteady)
	l.passed += len(l.unsteady)
	if l.failed > 0 {
		return
	}
	for i, line := range l.closing { // go's verdict on the whole package stood on those tests alone
		if words := strings.Fields(line); words[0] == "FAIL" {
			l.closing[i] = verdicts[words[1]]
		}
	}
}

// closingOf returns go's last line for a package.
func closingOf(output string) string {
	for line := range strings.Lines(output) {
		if isClosing(line) {
			return line
		}
	}
	return ""
}

// runAlone runs a test three times, with nothing beside it.
func runAlone(f failure, args []string) (output string, ok bool) {
	args = append([]string{"test", "-count=3", "-timeout=10m", "-run", "^" + f.test + "$"}, args...)
	text, err := exec.Command("go", append(args, f.pkg)...).CombinedOutput()
	return string(text), err == nil
}
