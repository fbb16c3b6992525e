package assets

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// nodeScript prints, for each text of a JSON list, what V8 says the module imports; null for what is no module.
const nodeScript = `
const vm = require("vm")
const seen = text => { try {
	const m = new vm.SourceTextModule(text)
	return m.dependencySpecifiers ?? m.moduleRequests.map(r => r.specifier)
} catch { return null } }
let input = ""
process.stdin.on("data", d => input += d).on("end", () => console.log(JSON.stringify(JSON.parse(input).map(seen))))`

// S3-17: V8 finds the same imports in the same texts, traps included.
func TestV8FindsTheSameImports(t *testing.T) {
	t.Parallel()
	pieces := []string{
		`import "./a.js";`, `import x, {y as z} from './b.js';`, `import * as n from "./c.js";`, `export * from "./d.js";`, `export {q} from "./e.js";`,
		`const s = "import './no.js'";`, "const t = `import './no.js' ${`${1 / 2}`}`;", `const r = /import ".\/no.js"/g;`, `const d = 4 / 2 / 1;`,
		`// import "./no.js"` + "\n", `/* export * from "./no.js" */`, `function f(a) { if (a) /["'` + "`" + `]/.test(a); return /[/"]/ }`,
		`class K { import() {} static from = "./no.js" }`, `const o = {import: 1, from: "./no.js", get export() { return 1 }};`, `let i = 1; i++ / 2; i-- / 3;`,
		`const g = a => ({}) / 2;`, `const h = {}/1;`, `switch (1) { case 1: { } default: }`, `export const from = "./no.js";`, `export default {from: "./no.js"};`,
		`const v = typeof /"/ === "object";`, `async function w() { await import("./no.js"); for await (const x of /"/g) ; }`, `o.import; o?.export;`,
	}
	texts := slices.Clone(pieces)
	for i, a := range pieces {
		for _, b := range pieces[i+1:] {
			texts = append(texts, a+"\n"+b+"\n"+`import "./end.js"`, b+a+`;import "./end.js"`)
		}
	}
	input, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "--experimental-vm-modules", "--no-warnings", "-e", nodeScript)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v (install it with: apt-get install nodejs)", err)
	}
	var want [][]string
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	modules := 0
	for i, text := range texts {
		if want[i] == nil {
			continue
		}
		modules++
		refs, err := jsReferences(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := []string{}
		for _, r := range refs {
			if before := strings.TrimRight(text[:r.start], " "); !strings.HasSuffix(before, "import(") && !slices.Contains(got, r.target) {
				got = append(got, r.target)
			}
		}
		if !slices.Equal(got, want[i]) {
			t.Errorf("%s\n got %v\nV8   %v", text, got, want[i])
		}
	}
	if modules < 200 {
		t.Errorf("only %d of %d texts are modules", modules, len(texts))
	}
}
