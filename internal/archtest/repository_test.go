package archtest

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// leaks are texts that belong to somebody's own machine: directories of people and of their work, and in lock files the
// place where a package was fetched. They are written so that they do not match themselves.
func leaks() *regexp.Regexp {
	return regexp.MustCompile(`/wor[k]/|/roo[t]/go|/User[s]/|"resolve[d]": "http`)
}

func TestNoFileNamesAMachineOfItsAuthors(t *testing.T) {
	t.Parallel()
	var found []violation
	walk(t, func(path string, _ fs.DirEntry) {
		content, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, checkLeaks(path, content)...)
	})
	report(t, found, "leak")
}

func checkLeaks(path string, content []byte) []violation {
	var found []violation
	for i, line := range bytes.Split(content, []byte("\n")) {
		if m := leaks().Find(line); m != nil {
			found = append(found, violation{file: path, line: i + 1, rule: "leak", what: fmt.Sprintf("%q belongs to one machine", m)})
		}
	}
	return found
}

func TestAMachinePathIsFound(t *testing.T) {
	t.Parallel()
	expectViolations(t, checkLeaks("a.md", []byte("fine\nsee /"+"work/main\n\"resolved"+"\": \"https://host/p.tgz\"")),
		`a.md:2: leak: "/`+`work/" belongs to one machine`, `a.md:3: leak: "\"resolved`+`\": \"http" belongs to one machine`)
	expectViolations(t, checkLeaks("a.md", []byte("the network/path and ./framework/ are fine")))
}

func TestTheBinaryHoldsNoTestCode(t *testing.T) {
	t.Parallel()
	deps := strings.Fields(string(goList(t, "-deps", "./cmd/holdfast")))
	if len(deps) < 100 {
		t.Fatalf("cmd/holdfast has %d dependencies: it does not build", len(deps))
	}
	report(t, checkBinary(deps), "binary")
}

func checkBinary(deps []string) []violation {
	var found []violation
	for _, d := range deps {
		if isTestLibrary(d) || slices.Contains(testOnly(), nameOf(d)) {
			found = append(found, violation{
				file: "cmd/holdfast", line: 1, rule: "binary", symbol: d,
				what: fmt.Sprintf("depends on %s: see go list -deps, or go mod why", d),
			})
		}
	}
	return found
}

func isTestLibrary(path string) bool {
	return slices.ContainsFunc([]string{
		"testing", "net/http/httptest", "github.com/stretchr/testify", "go.uber.org/goleak",
		"github.com/rogpeppe/go-internal/testscript", "github.com/chromedp",
	}, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}

func TestTestCodeInTheBinaryIsFound(t *testing.T) {
	t.Parallel()
	expectViolations(t, checkBinary([]string{"fmt", "holdfast/internal/cli", "testinglike"}))
	got := checkBinary([]string{"testing", "testing/iotest", "holdfast/internal/pgtest", "github.com/stretchr/testify/assert"})
	if len(got) != 4 {
		t.Errorf("found %v; want all four", got)
	}
}
