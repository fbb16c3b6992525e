package archtest

import (
	"go/ast"
	"path"
	"strings"
	"testing"
)

// Budgets: what is larger is split. Tests keep them, too.
const (
	maxFileLines  = 400
	maxFuncLines  = 60
	maxInterfaces = 5 // methods in one interface
)

func TestFilesFunctionsAndInterfacesStaySmall(t *testing.T) {
	t.Parallel()
	var found []violation
	for _, s := range sources(t) {
		if !s.isGenerated() {
			found = append(found, checkBudget(s)...)
		}
	}
	report(t, found, "file", "func", "interface")
}

func checkBudget(s source) []violation {
	var found []violation
	if s.lines > maxFileLines {
		found = append(found, s.at(s.ast, "file", "", "%d lines; at most %d", s.lines, maxFileLines))
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if lines := s.span(n); lines > maxFuncLines {
				found = append(found, s.at(n, "func", n.Name.Name, "%s has %d lines; at most %d", n.Name.Name, lines, maxFuncLines))
			}
		case *ast.TypeSpec:
			i, ok := n.Type.(*ast.InterfaceType)
			if ok && i.Methods.NumFields() > maxInterfaces {
				found = append(found, s.at(n, "interface", n.Name.Name, "%s has %d methods; at most %d",
					n.Name.Name, i.Methods.NumFields(), maxInterfaces))
			}
		}
		return true
	})
	return found
}

func TestWhatIsTooLargeIsFound(t *testing.T) {
	t.Parallel()
	f := func(text string, want ...string) {
		t.Helper()
		expectViolations(t, checkBudget(parse(t, "x.go", text)), want...)
	}
	f("package x\n" + strings.Repeat("\n", 399))
	f("package x\n"+strings.Repeat("\n", 400), "x.go:1: file: 401 lines; at most 400")
	f("package x\nfunc f() {\n" + strings.Repeat("\n", 58) + "}\n")
	f("package x\nfunc f() {\n"+strings.Repeat("\n", 59)+"}\n", "x.go:2: func: f has 61 lines; at most 60")
	f("package x\ntype I interface { A(); B(); C(); D(); E() }")
	f("package x\ntype I interface { A(); B(); C(); D(); E(); F() }", "x.go:2: interface: I has 6 methods; at most 5")
}

// expectViolations compares what was found with the lines that a developer would read.
func expectViolations(t *testing.T, got []violation, want ...string) {
	t.Helper()
	var lines []string
	for _, v := range got {
		lines = append(lines, v.String())
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("found:\n%s\nwant:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryPackageHasOnePackageComment(t *testing.T) {
	t.Parallel()
	byPackage := map[string][]source{}
	for _, s := range sources(t) {
		if !s.isTest() {
			byPackage[path.Dir(s.path)] = append(byPackage[path.Dir(s.path)], s)
		}
	}
	var found []violation
	for _, files := range byPackage {
		found = append(found, checkDoc(files)...)
	}
	report(t, found, "doc")
}

// checkDoc judges the package comments of one package's files.
func checkDoc(files []source) []violation {
	var with []source
	for _, s := range files {
		if s.ast.Doc != nil {
			with = append(with, s)
		}
	}
	switch len(with) {
	case 0:
		return []violation{files[0].at(files[0].ast, "doc", "", "package %s has no package comment", files[0].ast.Name)}
	case 1:
		return nil
	}
	var found []violation
	for _, s := range with[1:] {
		found = append(found, s.at(s.ast, "doc", "", "package %s has a package comment in %s, too", s.ast.Name, with[0].path))
	}
	return found
}

func TestMissingAndDoubledPackageCommentsAreFound(t *testing.T) {
	t.Parallel()
	with := parse(t, "a.go", "// Package x does it.\npackage x")
	without := parse(t, "b.go", "package x")
	again := parse(t, "c.go", "// Package x again.\npackage x")
	expectViolations(t, checkDoc([]source{with, without}))
	expectViolations(t, checkDoc([]source{without}), "b.go:1: doc: package x has no package comment")
	expectViolations(t, checkDoc([]source{with, again}), "c.go:2: doc: package x has a package comment in a.go, too")
}
