package clients

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/objects"
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
	for mode, args := range map[string][]string{"plain": nil, "versions": {"--versioning-enabled"}} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			e := s3apitest.Start(t, s3apitest.Options{
				Config:      func(c *s3api.Config) { c.Region = "us-east-1" },
				Index:       func(c *objects.Config) { c.Timeout = time.Minute }, // a hundred tests at once may wait
				Connections: 24,
			})
			result := runSuite(t, program, e, args)
			t.Logf("%s: %d of %d tests pass", mode, len(result.passed), len(result.passed)+len(result.failed))
			compare(t, mode, expected(t), result)
		})
	}
}

// outcome is what a run of the suite said.
type outcome struct {
	passed map[string]bool
	failed map[string]string // test to its complaint
}

var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

func runSuite(t *testing.T, program string, e *s3apitest.Endpoint, args []string) outcome {
	t.Helper()
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
	scan := bufio.NewScanner(strings.NewReader(colour.ReplaceAllString(string(out), "")))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		verdict, rest, _ := strings.Cut(scan.Text(), " ")
		name, complaint, _ := strings.Cut(strings.TrimSpace(rest), ":")
		switch verdict {
		case "RUN":
			result.failed[name] = "it did not come to an end" // until it says otherwise
		case "PASS":
			result.passed[name] = true
			delete(result.failed, name)
		case "FAIL":
			result.failed[name] = strings.TrimSpace(complaint)
		}
	}
	if len(result.passed)+len(result.failed) < 500 {
		t.Fatalf("the suite did not run: %v\n%s", err, out)
	}
	return result
}

// expected reads the table of failures in the document: test to reason.
func expected(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(compatibility)
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "<!-- failures: begin -->")
	table, _, ok2 := strings.Cut(table, "<!-- failures: end -->")
	if !ok || !ok2 {
		t.Fatal("the document has no table of failures")
	}
	reasons := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.Contains(cells[1], "`") {
			continue
		}
		for name := range strings.FieldsSeq(strings.ReplaceAll(cells[1], "`", " ")) {
			reasons[strings.Trim(name, ",")] = strings.TrimSpace(cells[2])
		}
	}
	return reasons
}

func compare(t *testing.T, mode string, expected map[string]string, got outcome) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(got.failed)) {
		if expected[name] == "" {
			t.Errorf("%s fails and is not explained: %s", name, got.failed[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		if got.passed[name] {
			t.Errorf("%s passes: take it off the table", name)
		}
	}
	if path := os.Getenv("HOLDFAST_SUITE_REPORT"); path != "" {
		report(t, path+"."+mode, got)
	}
}

// report writes the failures for whoever works on them.
func report(t *testing.T, path string, got outcome) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d passed, %d failed\n", len(got.passed), len(got.failed))
	for _, name := range slices.Sorted(maps.Keys(got.failed)) {
		fmt.Fprintf(&b, "%s: %s\n", name, got.failed[name])
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}
