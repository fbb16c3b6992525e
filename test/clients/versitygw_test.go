package clients

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/s3api"
	"holdfast/internal/s3api/s3apitest"
)

// compatibility is the document that names every test of the suite that fails, with the reason.
const compatibility = "../../docs/compatibility.md"

// suitePatience is how long one run of the suite may take.
const suitePatience = 10 * time.Minute

// The score of versitygw's integration tests, in both of their modes. Each failure must be named in the document, and
// each test named there must still fail, so that the document neither hides nor invents anything.
func TestVersitygwSuite(t *testing.T) {
	t.Parallel()
	program := program(t, "versitygw", "make deps")
	reasons := expected(t)
	results := map[string]outcome{}
	for mode, args := range map[string][]string{"plain": nil, "versions": {"--versioning-enabled"}} {
		result := runSuite(t, program, mode, args)
		// The suite has limits of seconds, and runs a hundred tests at once: on a busy machine a test may miss one. What
		// fails, fails three times.
		for range 2 {
			if !result.unexplained(reasons) {
				break
			}
			result.merge(t, runSuite(t, program, mode, args))
		}
		t.Logf("%s: %d of %d tests pass", mode, len(result.passed), len(result.passed)+len(result.failed))
		results[mode] = result
	}
	compare(t, reasons, results)
}

// outcome is what a run of the suite said.
type outcome struct {
	passed map[string]bool
	failed map[string]string // test to its complaint
}

// verdict is what the suite prints of a test: a coloured word, its name, and the complaint. The tests print at once, and
// not always whole lines.
var verdict = regexp.MustCompile("\x1b\\[3[0-9]m(RUN|PASS|FAIL) +\x1b\\[0m([A-Za-z0-9_]+)(?:: ([^\x1b\n]*))?")

func runSuite(t *testing.T, program, mode string, args []string) outcome {
	t.Helper()
	e := s3apitest.Start(t, s3apitest.Options{
		Config:      func(c *s3api.Config) { c.Region = "us-east-1" },
		Log:         slog.New(slog.DiscardHandler),
		Connections: 24, Patience: time.Minute,
	})
	ctx, cancel := context.WithTimeout(t.Context(), suitePatience)
	defer cancel()
	line := []string{"test", "-a", e.Key.ID, "-s", e.Key.Secret.Reveal(), "-e", e.URL, "full-flow", "--parallel"}
	cmd := exec.CommandContext(ctx, program, append(line, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput() // its exit code tells whether any test failed, which the lines tell better
	if ctx.Err() != nil {
		t.Fatalf("the suite took longer than %s", suitePatience)
	}
	result := outcome{map[string]bool{}, map[string]string{}}
	runs := map[string]int{} // not yet ended; two of the tests share a name
	for _, m := range verdict.FindAllStringSubmatch(string(out), -1) {
		switch name := m[2]; m[1] {
		case "RUN":
			runs[name]++
		case "PASS":
			runs[name]--
		case "FAIL":
			runs[name]--
			result.failed[name] = m[3]
		}
	}
	for name, left := range runs {
		if left > 0 && result.failed[name] == "" {
			result.failed[name] = "it did not come to an end"
		}
		if _, failed := result.failed[name]; !failed {
			result.passed[name] = true
		}
	}
	if len(result.passed)+len(result.failed) < 500 {
		t.Fatalf("the suite did not run: %v\n%s", err, out)
	}
	if path := os.Getenv("HOLDFAST_SUITE_REPORT"); path != "" {
		result.report(t, path+"."+mode)
	}
	return result
}

// unexplained reports whether a test failed that the document does not name.
func (o outcome) unexplained(reasons map[string]string) bool {
	for name := range o.failed {
		if reasons[name] == "" {
			return true
		}
	}
	return false
}

// merge counts a test as passed when it passed in any run, and says so.
func (o outcome) merge(t *testing.T, again outcome) {
	t.Helper()
	for name := range again.passed {
		if complaint, failed := o.failed[name]; failed {
			t.Logf("%s passed only when tried again; at first: %s", name, complaint)
			delete(o.failed, name)
			o.passed[name] = true
		}
	}
}

// expected reads the failures in the document: test to reason. Below each reason, a heading, stand the names.
func expected(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "<!-- failures: begin -->")
	list, _, ok2 := strings.Cut(list, "<!-- failures: end -->")
	if !ok || !ok2 {
		t.Fatal("the document has no list of failures")
	}
	reasons := map[string]string{}
	reason := ""
	for line := range strings.Lines(list) {
		if r, ok := strings.CutPrefix(line, "### "); ok {
			reason = strings.TrimSpace(r)
			continue
		}
		for _, name := range quoted.FindAllStringSubmatch(line, -1) {
			reasons[name[1]] = reason
		}
	}
	return reasons
}

var quoted = regexp.MustCompile("`([A-Za-z0-9_]+)`")

func compare(t *testing.T, reasons map[string]string, results map[string]outcome) {
	t.Helper()
	ran := map[string]bool{}
	page, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	for mode, got := range results {
		score := fmt.Sprintf("%d of %d", len(got.passed), len(got.passed)+len(got.failed))
		if !strings.Contains(string(page), score) {
			t.Errorf("%s: the score is %s, and the document says otherwise", mode, score)
		}
		for _, name := range slices.Sorted(maps.Keys(got.failed)) {
			if ran[name] = true; reasons[name] == "" {
				t.Errorf("%s: %s fails and is not explained: %s", mode, name, got.failed[name])
			}
		}
		for name := range got.passed {
			if ran[name] = true; reasons[name] != "" {
				t.Errorf("%s: %s passes: take it off the list", mode, name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(reasons)) {
		if !ran[name] {
			t.Errorf("%s is on the list, and the suite has no such test", name)
		}
	}
}

// report writes the failures for whoever works on them.
func (o outcome) report(t *testing.T, path string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d passed, %d failed\n", len(o.passed), len(o.failed))
	for _, name := range slices.Sorted(maps.Keys(o.failed)) {
		fmt.Fprintf(&b, "%s: %s\n", name, o.failed[name])
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
