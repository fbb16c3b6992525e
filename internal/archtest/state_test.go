package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

func TestPackagesKeepNoState(t *testing.T) {
	t.Parallel()
	byPackage := map[string][]source{}
	for _, s := range sources(t) {
		key := path.Dir(s.path) + " " + s.ast.Name.Name
		byPackage[key] = append(byPackage[key], s)
	}
	var found []violation
	for _, files := range byPackage {
		found = append(found, checkState(files)...)
	}
	report(t, found, "state")
}

// checkState judges the variables of a package. What may stay is what nobody changes and what nobody can change through
// it: sentinel errors, compiled patterns, tables, embedded files, flags of tests.
func checkState(files []source) []violation {
	changed := map[string]bool{}
	for _, s := range files {
		for _, name := range changes(s.ast) {
			changed[name] = true
		}
	}
	var found []violation
	for _, s := range files {
		for _, d := range s.ast.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.VAR {
				found = append(found, checkVars(s, g, changed)...)
			}
		}
	}
	return found
}

func checkVars(s source, g *ast.GenDecl, changed map[string]bool) []violation {
	var found []violation
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec) //nolint:forcetypeassert // the grammar has nothing else in a var declaration
		embedded := isEmbedded(g.Doc) || isEmbedded(v.Doc)
		for i, name := range v.Names {
			if name.Name == "_" {
				continue
			}
			switch {
			case changed[name.Name]:
				found = append(found, s.at(name, "state", name.Name, "%s is a package-level variable that is changed", name.Name))
			case embedded || i < len(v.Values) && (isSentinel(name.Name) || isFixed(v.Values[i])):
			default:
				found = append(found, s.at(name, "state", name.Name,
					"%s is a package-level variable that may be changed: make it a constant, a table, a function or a field", name.Name))
			}
		}
	}
	return found
}

func isEmbedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed") })
}

// isSentinel reports the name of an error that others compare with.
func isSentinel(name string) bool {
	return strings.HasPrefix(name, "Err") || strings.HasPrefix(name, "err")
}

// isFixed reports whether an initial value is one that cannot be changed through the variable's name alone.
func isFixed(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.BasicLit, *ast.Ident, *ast.SelectorExpr, *ast.FuncLit:
		return true
	case *ast.CompositeLit:
		return !isLock(v.Type)
	case *ast.ParenExpr:
		return isFixed(v.X)
	case *ast.BinaryExpr:
		return isFixed(v.X) && isFixed(v.Y)
	case *ast.UnaryExpr:
		return v.Op != token.AND
	case *ast.CallExpr:
		return isPure(v)
	}
	return false
}

// isPure reports calls whose results are not changed by use: conversions, constructors of patterns, and functions of
// the same package, which are taken to build a table.
func isPure(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.ArrayType: // []byte("…")
		return true
	case *ast.Ident:
		return f.Name != "new" && f.Name != "make"
	}
	called := name(call.Fun)
	return strings.Contains(called, ".Must") || slices.Contains([]string{
		"errors.New", "fmt.Errorf", "strings.NewReplacer", "strings.Repeat", "strings.Fields", "crc32.MakeTable", "crc64.MakeTable", "reflect.TypeOf",
		"reflect.TypeFor", "time.Duration", "time.Date", "time.Unix", "big.NewInt",
		"flag.Bool", "flag.String", "flag.Int", "flag.Duration", // flags of a test binary
	}, called)
}

// isLock reports types that exist to be changed. A sync.Pool is not one of them: nobody can tell what is in it.
func isLock(typ ast.Expr) bool {
	n := name(typ)
	return n != "sync.Pool" && (strings.HasPrefix(n, "sync.") || strings.HasPrefix(n, "atomic."))
}

// name returns an identifier or a chain of selectors as it is written, without type arguments.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	case *ast.IndexExpr:
		return name(e.X)
	}
	return ""
}

// changes returns the names that a file assigns to, increments, takes the address of, deletes from or clears, unless
// they are local. A local variable of the same name as a package's is taken for the package's: rename it.
func changes(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		local := locals(fn)
		ast.Inspect(fn, func(n ast.Node) bool {
			for _, target := range targets(n) {
				if b := base(target); b != "" && !local[b] {
					names = append(names, b)
				}
			}
			return true
		})
	}
	return names
}

// targets returns what a node changes.
func targets(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			return n.Lhs
		}
	case *ast.IncDecStmt:
		return []ast.Expr{n.X}
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			return []ast.Expr{n.Key, n.Value}
		}
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			return []ast.Expr{n.X}
		}
	case *ast.CallExpr:
		if c := callee(n); (c == "delete" || c == "clear") && len(n.Args) > 0 {
			return n.Args[:1]
		}
	}
	return nil
}

// base returns the variable that an expression leads to: x of x, x.f, x[i], *x.
func base(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return base(e.X)
	case *ast.IndexExpr:
		return base(e.X)
	case *ast.StarExpr:
		return base(e.X)
	case *ast.ParenExpr:
		return base(e.X)
	}
	return ""
}

// locals returns the names that a function declares itself: receiver, parameters, results and variables.
func locals(fn *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				names[id.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					names[base(e)] = true
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				names[base(n.Key)], names[base(n.Value)] = true, true
			}
		}
		return true
	})
	return names
}

func TestPackageLevelStateIsFound(t *testing.T) {
	t.Parallel()
	f := func(text string, want ...string) {
		t.Helper()
		expectViolations(t, checkState([]source{parse(t, "a.go", "package x\n"+text)}), want...)
	}
	maybe := func(n string) string {
		return "a.go:2: state: " + n + " is a package-level variable that may be changed: make it a constant, a table, a function or a field"
	}
	f("var _ io.Reader = (*T)(nil)")
	f(`var ErrGone = errors.New("gone")`)
	f(`var ErrGone = &fault.Error{Code: "gone"}`)
	f(`var ErrGone = fault.New(fault.Full, "gone", "x").WithHint("y")`)
	f("var re = regexp.MustCompile(`x`)")
	f(`var table = map[string]int{"a": 1}; func f() { x := table["a"]; _ = x }`)
	f("//go:embed a.txt\nvar page string")
	f("var count int", maybe("count"))
	f("var cache = map[string]int{}; func f() { cache[\"a\"]++ }", "a.go:2: state: cache is a package-level variable that is changed")
	f("var limit = 5; func set(n int) { limit = n }", "a.go:2: state: limit is a package-level variable that is changed")
	f("var limit = 5; func set(limit int) { limit = 3 }")
	f("var mu = sync.Mutex{}", maybe("mu"))
	f("var buffers = sync.Pool{New: grow}")
	f("var once = sync.OnceFunc(f)", maybe("once"))
	f("var serial atomic.Int64", maybe("serial"))
	f("var thing = &T{}", maybe("thing"))
	f("var places = new(T)", maybe("places"))
	f("var known = set(`a b`)")
	f("var client = http.Dial()", maybe("client"))
	f("var list = []int{1}; func f() { clear(list) }", "a.go:2: state: list is a package-level variable that is changed")
	f("var x = T{}; func f() { g(&x) }", "a.go:2: state: x is a package-level variable that is changed")
}
