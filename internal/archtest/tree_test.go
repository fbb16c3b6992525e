package archtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the module's directory, seen from this package.
const root = "../.."

// module is the module's path.
const module = "holdfast"

// violation is a place where a rule is broken.
type violation struct {
	file   string
	line   int
	rule   string
	symbol string
	what   string
}

func (v violation) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", v.file, v.line, v.rule, v.what)
}

// report fails t with every violation of the rules that is not excepted, and with exceptions of them that are stale.
func report(t *testing.T, found []violation, rules ...string) {
	t.Helper()
	used := map[exception]bool{}
	slices.SortFunc(found, func(a, b violation) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
	})
	for _, v := range found {
		i := slices.IndexFunc(exceptions(), func(e exception) bool {
			return e.rule == v.rule && e.file == v.file && e.symbol == v.symbol
		})
		if i < 0 {
			t.Error(v)
			continue
		}
		used[exceptions()[i]] = true
	}
	for _, e := range exceptions() {
		if slices.Contains(rules, e.rule) && !used[e] {
			t.Errorf("%s: the exception from rule %q for %q is not needed any more: remove it", e.file, e.rule, e.symbol)
		}
	}
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath   string
	Name         string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// name returns the package's name in the tables.
func (p pkg) name() string { return nameOf(p.ImportPath) }

// nameOf returns an import path as it stands in the tables.
func nameOf(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module+"/"), "internal/")
}

// goList runs go list in the module and returns its output.
func goList(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-e"}, args...)...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, &stderr)
	}
	return out
}

// packages returns the module's packages that hold Go files.
func packages(t *testing.T) []pkg {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(
		goList(t, "-json=ImportPath,Name,Dir,Imports,TestImports,XTestImports", "./...")))
	var all []pkg
	for {
		var p pkg
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != "" {
			all = append(all, p)
		}
	}
}

// source is a parsed Go file.
type source struct {
	path  string // slash-separated, below the module
	lines int
	set   *token.FileSet
	ast   *ast.File
}

func (s source) isTest() bool      { return strings.HasSuffix(s.path, "_test.go") }
func (s source) isGenerated() bool { return ast.IsGenerated(s.ast) }

// at returns a violation at a node of the file.
func (s source) at(n ast.Node, rule, symbol, format string, args ...any) violation {
	return violation{
		file: s.path, line: s.set.Position(n.Pos()).Line, rule: rule, symbol: symbol, what: fmt.Sprintf(format, args...),
	}
}

// span returns how many lines the node takes.
func (s source) span(n ast.Node) int {
	return s.set.Position(n.End()).Line - s.set.Position(n.Pos()).Line + 1
}

// parse reads a Go file; text is nil for one on disk.
func parse(t *testing.T, path string, text any) source {
	t.Helper()
	set := token.NewFileSet()
	name := path
	if text == nil {
		name = filepath.Join(root, path)
	}
	f, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{path: filepath.ToSlash(path), lines: set.File(f.Pos()).LineCount(), set: set, ast: f}
}

// sources returns every Go file of the module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	walk(t, func(path string, _ fs.DirEntry) {
		if strings.HasSuffix(path, ".go") {
			all = append(all, parse(t, path, nil))
		}
	})
	return all
}

// walk calls visit for the module's files but those that git does not keep.
func walk(t *testing.T, visit func(path string, d fs.DirEntry)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err = filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(unkept(), path), d.IsDir() && d.Name() == "node_modules":
			return fs.SkipDir
		case d.Type().IsRegular() && !slices.Contains([]string{".test", ".prof"}, filepath.Ext(path)):
			visit(filepath.ToSlash(path), d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unkept returns the directories of .gitignore, and git's own.
func unkept() []string { return []string{".git", "bin", "dist", "demo", ".tools"} }
