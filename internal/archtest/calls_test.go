package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

func TestForbiddenCallsDoNotAppear(t *testing.T) {
	t.Parallel()
	var found []violation
	for _, s := range sources(t) {
		found = append(found, checkCalls(s)...)
	}
	report(t, found, "init", "exit", "print", "sleep", "skip")
}

// checkCalls looks through the functions of a file for what must not be declared or called in it.
func checkCalls(s source) []violation {
	var found []violation
	for _, d := range s.ast.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if f.Name.Name == "init" && f.Recv == nil {
			found = append(found, s.at(f, "init", "init", "no init functions: let the caller construct it"))
		}
		c := caller{source: s, function: f.Name.Name}
		ast.Walk(&c, f)
		found = append(found, c.found...)
	}
	return found
}

// caller judges the calls within one function.
type caller struct {
	source
	function string
	found    []violation
}

// Visit is ast.Visitor: it skips what runs in the fake time of synctest but for the calls that are wrong there, too.
func (c *caller) Visit(n ast.Node) ast.Visitor {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return c
	}
	name := callee(call)
	if name == "synctest.Test" {
		inside := caller{source: c.source, function: c.function}
		for _, a := range call.Args {
			ast.Walk(&inside, a)
		}
		c.found = append(c.found, slices.DeleteFunc(inside.found, func(v violation) bool { return v.rule == "sleep" })...)
		return nil
	}
	if rule, advice := c.judge(name); rule != "" {
		c.found = append(c.found, c.at(call, rule, c.function, "%s in %s: %s", name, c.function, advice))
	}
	return c
}

// judge returns the rule that a call breaks, and what to do instead; "" when it breaks none.
func (c *caller) judge(name string) (rule, advice string) {
	program := strings.HasPrefix(c.path, "cmd/") || c.ast.Name.Name == "main"
	switch {
	case (name == "os.Exit" || strings.HasPrefix(name, "log.Fatal")) && !program && !c.isTestMain():
		return "exit", "return an error; only cmd ends the process"
	case isPrint(name) && !program && !c.isTest() && !strings.HasPrefix(c.path, "internal/cli/"):
		return "print", "log it, return it, or write it to an injected io.Writer; only cli prints"
	case name == "time.Sleep" && c.isTest():
		return "sleep", "wait for a channel, use testing/synctest, or lifecycletest.Eventually"
	case c.isTest() && isSkip(name):
		return "skip", "fail with the line that installs what is missing"
	}
	return "", ""
}

func (c *caller) isTestMain() bool { return c.isTest() && c.function == "TestMain" }

func isPrint(name string) bool {
	return slices.Contains([]string{"fmt.Print", "fmt.Printf", "fmt.Println", "print", "println"}, name)
}

// isSkip reports a call of Skip, Skipf or SkipNow of what is commonly a test, benchmark or fuzz target.
func isSkip(name string) bool {
	receiver, method, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"t", "b", "f", "tb"}, receiver) &&
		slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, method)
}

// callee returns the name of a called function as it is written: "os.Exit", "t.Skip", "f"; "" for anything longer.
func callee(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}

func TestForbiddenCallsAreFound(t *testing.T) {
	t.Parallel()
	f := func(path, text string, want ...string) {
		t.Helper()
		expectViolations(t, checkCalls(parse(t, path, "package x\n"+text)), want...)
	}
	f("a.go", "func init() {}", "a.go:2: init: no init functions: let the caller construct it")
	f("a.go", "func (x) init() {}")
	f("a.go", "func f() { func() { os.Exit(1) }() }", "a.go:2: exit: os.Exit in f: return an error; only cmd ends the process")
	f("cmd/a/main.go", "func main() { os.Exit(1) }")
	f("a_test.go", "func TestMain(m *testing.M) { os.Exit(m.Run()) }")
	f("a_test.go", "func help() { log.Fatalf(\"\") }", "a_test.go:2: exit: log.Fatalf in help: return an error; only cmd ends the process")
	f("a.go", "func f() { fmt.Println() }",
		"a.go:2: print: fmt.Println in f: log it, return it, or write it to an injected io.Writer; only cli prints")
	f("internal/cli/a.go", "func f() { fmt.Println(); fmt.Fprintln(w) }")
	f("a.go", "func f() { time.Sleep(1) }")
	f("a_test.go", "func f() { time.Sleep(1) }",
		"a_test.go:2: sleep: time.Sleep in f: wait for a channel, use testing/synctest, or lifecycletest.Eventually")
	f("a_test.go", "func f() { synctest.Test(t, func(t *testing.T) { time.Sleep(1) }) }")
	f("a_test.go", "func f() { synctest.Test(t, func(t *testing.T) { t.Skip() }) }",
		"a_test.go:2: skip: t.Skip in f: fail with the line that installs what is missing")
}
