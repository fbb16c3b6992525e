package archtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestEveryDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	report(t, checkReasons(direct(t), text), "dependency")
}

// direct returns the modules that packages of this module import, tests included, and those of its tools.
func direct(t *testing.T) []string {
	t.Helper()
	modules := strings.Fields(string(goList(t, "-m", "-f", "{{if not .Main}}{{.Path}}{{end}}", "all")))
	var imports []string
	for _, p := range packages(t) {
		imports = slices.Concat(imports, p.Imports, p.TestImports, p.XTestImports)
	}
	imports = append(imports, strings.Fields(string(goList(t, "tool")))...)
	var found []string
	for _, i := range imports {
		if m := moduleOf(i, modules); m != "" && !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	slices.Sort(found)
	return found
}

// moduleOf returns the module that holds a package: the longest path that begins it; "" for the standard library's.
func moduleOf(importPath string, modules []string) string {
	longest := ""
	for _, m := range modules {
		if (importPath == m || strings.HasPrefix(importPath, m+"/")) && len(m) > len(longest) {
			longest = m
		}
	}
	return longest
}

// reason is a line of docs/dependencies.md: a module in backquotes at the start of an item, and words behind it.
func reason() *regexp.Regexp { return regexp.MustCompile("^- `([^`]+)`: .{10,}") }

// checkReasons compares the modules that are used with those that the document gives a reason for.
func checkReasons(used []string, document []byte) []violation {
	var found []violation
	add := func(line int, module, format string) {
		found = append(found, violation{
			file: "docs/dependencies.md", line: line, rule: "dependency", symbol: module, what: fmt.Sprintf(format, module),
		})
	}
	var listed []string
	for i, line := range bytes.Split(document, []byte("\n")) {
		m := reason().FindSubmatch(line)
		if m == nil {
			continue
		}
		if slices.Contains(listed, string(m[1])) {
			add(i+1, string(m[1]), "%s is listed twice")
		}
		listed = append(listed, string(m[1]))
		if !slices.Contains(used, string(m[1])) {
			add(i+1, string(m[1]), "%s is listed but not imported")
		}
	}
	for _, u := range used {
		if !slices.Contains(listed, u) {
			add(1, u, "%s is imported, but has no line \"- `module`: reason\"")
		}
	}
	return found
}

func TestDependenciesWithoutReasonAndReasonsWithoutDependencyAreFound(t *testing.T) {
	t.Parallel()
	document := []byte("# x\n\n- `a.org/used`: because it is good\n- `a.org/gone`: because it was good\n- `a.org/bare`:\n- `a.org/used`: because it is very good\n")
	expectViolations(t, checkReasons([]string{"a.org/bare", "a.org/used"}, document),
		"docs/dependencies.md:4: dependency: a.org/gone is listed but not imported",
		"docs/dependencies.md:6: dependency: a.org/used is listed twice",
		"docs/dependencies.md:1: dependency: a.org/bare is imported, but has no line \"- `module`: reason\"")
	if m := moduleOf("a.org/x/y/z", []string{"a.org/x", "a.org/x/y", "a.org/x/yy"}); m != "a.org/x/y" {
		t.Errorf("module %q; want the longest that begins the path", m)
	}
}
