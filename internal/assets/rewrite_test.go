package assets

import (
	"strings"
	"testing"
)

// rewriteWith replaces every reference to an asset "x" by "x-HASH" in the way that a build does.
func rewriteWith(t testing.TB, file, text string) string {
	t.Helper()
	refs, err := languageOf(file).references(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	s := site{url: "/static/", base: "https://cdn.example.org"}
	return s.rewrite(file, text, refs, func(name string) string {
		if strings.Contains(name, "missing") {
			return ""
		}
		return hashedName(name, "0123456789ab")
	})
}

// S3-17: what a stylesheet refers to is found by the tokens of the language, and nothing else is touched.
func TestReferencesInStylesheetsAreRewritten(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		if got := rewriteWith(t, "css/main.css", text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	f(`a{background:url(../img/a.png)}`, `a{background:url(../img/a.0123456789ab.png)}`)
	f(`a{background:url( "../img/a.png" )}`, `a{background:url( "../img/a.0123456789ab.png" )}`)
	f(`a{background:url('a.png')}`, `a{background:url('a.0123456789ab.png')}`)
	f(`a{background:URL(a.png)}`, `a{background:URL(a.0123456789ab.png)}`)
	f(`a{background:\75 rl(a.png)}`, `a{background:\75 rl(a.0123456789ab.png)}`)
	f(`a{background:url(a\ b.png)}`, `a{background:url(a%20b.0123456789ab.png)}`)
	f(`a{background:url("a%20b.png")}`, `a{background:url("a%20b.0123456789ab.png")}`)
	f(`a{background:url(/static/img/a.png)}`, `a{background:url(/static/img/a.0123456789ab.png)}`)
	f(`a{background:url(https://cdn.example.org/static/a.png)}`, `a{background:url(https://cdn.example.org/static/a.0123456789ab.png)}`)
	f(`@font-face{src:url(f.eot?#iefix) format("embedded-opentype"),url(f.woff2)}`,
		`@font-face{src:url(f.0123456789ab.eot?#iefix) format("embedded-opentype"),url(f.0123456789ab.woff2)}`)
	f(`@import "other.css";`, `@import "other.0123456789ab.css";`)
	f(`@IMPORT 'other.css' layer(x) screen;`, `@IMPORT 'other.0123456789ab.css' layer(x) screen;`)
	f(`@import url(other.css) screen;`, `@import url(other.0123456789ab.css) screen;`)
	f(`a{background:image-set("a.png" 1x, "b.png" type("image/png") 2x)}`,
		`a{background:image-set("a.0123456789ab.png" 1x, "b.0123456789ab.png" type("image/png") 2x)}`)
	f("a{}\n/*# sourceMappingURL=main.css.map */", "a{}\n/*# sourceMappingURL=main.0123456789ab.css.map */")
	f(`a{background:url(../../outside.png)}`, `a{background:url(../../outside.png)}`)
}

func TestWhatIsNoReferenceInAStylesheetIsLeft(t *testing.T) {
	t.Parallel()
	f := func(text string) {
		t.Helper()
		if got := rewriteWith(t, "css/main.css", text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	f(`a{background:url(data:image/png;base64,AAAA)}`)
	f(`a{background:url(#gradient)}`)
	f(`a{background:url(https://example.com/a.png)}`)
	f(`a{background:url(//example.com/static/a.png)}`)
	f(`a{background:url(/media/a.png)}`)
	f(`a{content:"url(a.png)"}`)
	f(`a{content:"\"url(a.png)"}`)
	f(`/* url(a.png) @import "a.css" */`)
	f(`@namespace svg url(a.xml);`)
	f(`@charset "a.css";`)
	f(`a{background:url(missing.png)}`)
	f(`a{background:url(a b.png)}`)
	f(`a{background:url(a"b.png)}`)
	f(`a{background:url()}`)
	f(`a{background:url("")}`)
	f(`a{background:curl(a.png)}`)
	f(`@media print{a{color:red}} .x::after{content:"a.css"}`)
	f(`a{content:"broken` + "\n" + `}`)
	f(`/* never closed url(a.png)`)
}

// S3-17: modules and source maps of scripts.
func TestReferencesInScriptsAreRewritten(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		if got := rewriteWith(t, "js/main.js", text); got != want {
			t.Errorf("%s\n got %s\nwant %s", text, got, want)
		}
	}
	const h = "0123456789ab"
	f(`import "./a.js"`, `import "./a.`+h+`.js"`)
	f(`import a from './a.js'`, `import a from './a.`+h+`.js'`)
	f(`import a,{b as c}from"../lib/a.js";`, `import a,{b as c}from"../lib/a.`+h+`.js";`)
	f(`import * as a from "/static/js/a.js"`, `import * as a from "/static/js/a.`+h+`.js"`)
	f(`import from from "./a.js"`, `import from from "./a.`+h+`.js"`)
	f(`import {"odd name" as x} from "./a.js" with {type: "json"}`, `import {"odd name" as x} from "./a.`+h+`.js" with {type: "json"}`)
	f(`import/* why */{a}/* not */from/**/"./a.js"`, `import/* why */{a}/* not */from/**/"./a.`+h+`.js"`)
	f(`export * from "./a.js"; export {x} from './b.js'`, `export * from "./a.`+h+`.js"; export {x} from './b.`+h+`.js'`)
	f(`export * as ns from "./a.js"`, `export * as ns from "./a.`+h+`.js"`)
	f(`const x = await import("./a.js")`, `const x = await import("./a.`+h+`.js")`)
	f("import(`./a.js`).then(f)", "import(`./a."+h+".js`).then(f)")
	f(`import(/* webpackChunkName: "a" */ "./a.js", {with: {}})`, `import(/* webpackChunkName: "a" */ "./a.`+h+`.js", {with: {}})`)
	f(`new Worker(new URL("./w.js", import.meta.url))`, `new Worker(new URL("./w.`+h+`.js", import.meta.url))`)
	f(`new URL("img/a.png",import.meta.url).href`, `new URL("img/a.`+h+`.png",import.meta.url).href`)
	f("f()\n//# sourceMappingURL=main.js.map", "f()\n//# sourceMappingURL=main."+h+".js.map")
	f(`x = a / b; import("./a.js"); y = c / d`, `x = a / b; import("./a.`+h+`.js"); y = c / d`)
	f("`${import('./a.js')} ${`${import('./b.js')}`}`", "`${import('./a."+h+".js')} ${`${import('./b."+h+".js')}`}`")
	f(`if (x) /import("\.\/a.js")/.test(y); import("./a.js")`, `if (x) /import("\.\/a.js")/.test(y); import("./a.`+h+`.js")`)
	f(`(a+b)/2; import("./a.js") /2`, `(a+b)/2; import("./a.`+h+`.js") /2`)
	f(`x = {}/1; import("./a.js"); "/"`, `x = {}/1; import("./a.`+h+`.js"); "/"`)
	f(`a++ / 2; import("./a.js"); b = /"/g`, `a++ / 2; import("./a.`+h+`.js"); b = /"/g`)
	f(`return /["'/]/.test(x); import("./a.js")`, `return /["'/]/.test(x); import("./a.`+h+`.js")`)
}

func TestWhatIsNoReferenceInAScriptIsLeft(t *testing.T) {
	t.Parallel()
	f := func(text string) {
		t.Helper()
		if got := rewriteWith(t, "js/main.js", text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	f(`import React from "react"`)
	f(`import "a.js"`)
	f(`import("./" + name)`)
	f("import(`./${name}.js`)")
	f(`import("./missing.js")`)
	f(`obj.import("./a.js")`)
	f(`obj?.from; x.export; y = {import: "./a.js"}`)
	f(`"import './a.js'"`)
	f(`'export * from "./a.js"'`)
	f("`import './a.js'`")
	f(`// import "./a.js"`)
	f(`/* import "./a.js" */`)
	f(`/import ".\/a.js"/.test(x)`)
	f(`new URL("./a.js", location)`)
	f(`export const from = "./a.js"`)
	f(`export default {from: "./a.js"}`)
	f(`const s = "# sourceMappingURL=a.map"`)
	f(`import("./a\x2ejs")`)
	f(`import.meta.url`)
	f(`import("https://example.com/a.js")`)
	f(`fetch("./a.js")`)
}

func TestAScriptThatEndsInTheMiddleIsNotRewritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`import "./a.js"; "`, "import './a.js'; `", `import "./a.js"; /*`, "import './a.js'; `${", "x = 'a\n'; import './a.js'"} {
		if refs, err := jsReferences(text); err == nil {
			t.Errorf("%q: no error, references %v", text, refs)
		}
	}
}

// A rewritten file says the same as before: rewriting its references back to the plain names gives the original, however
// strange the text is.
func FuzzRewritingTouchesOnlyReferences(f *testing.F) {
	for _, seed := range []string{
		`@import "a.css";a{b:url( x.png )}`, `/*# sourceMappingURL=a */`, `import a from "./a.js"`, "`${import('./a')}`", `a/b/c`,
		`\`, `url(`, `"`, "'\\\n'", `export*from"./x"`, `new URL("x",import.meta.url)`, `import(`, "//# sourceMappingURL=x\n",
		"@import url(\"\\a\"); \\75rl('q')", "image-set('a' 1x)", "{}/x/g", "a?.5:1/2/3", "import{",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, css bool) {
		file := "dir/file.js"
		if css {
			file = "dir/file.css"
		}
		refs, err := languageOf(file).references(text)
		if err != nil {
			return
		}
		end := 0
		for _, r := range refs {
			if r.start < end || r.end < r.start || r.end > len(text) {
				t.Fatalf("%q: reference %+v lies wrong", text, r)
			}
			end = r.end
			if r.quote != 0 && (text[r.start] != r.quote || text[r.end-1] != r.quote) {
				t.Fatalf("%q: reference %+v is not in its quotes", text, r)
			}
		}
		s := site{url: "/static/"}
		if same := s.rewrite(file, text, refs, func(string) string { return "" }); same != text {
			t.Fatalf("%q became %q without anything to rewrite", text, same)
		}
		once := s.rewrite(file, text, refs, func(name string) string { return hashedName(name, "0123456789ab") })
		again, err := languageOf(file).references(once)
		if err != nil || len(again) != len(refs) {
			t.Fatalf("%q became %q, which has %d references in place of %d (%v)", text, once, len(again), len(refs), err)
		}
		for i, r := range refs {
			to, ok := s.resolve(file, r)
			if !ok {
				continue
			}
			if got, ok := s.resolve(file, again[i]); !ok || got.name != hashedName(to.name, "0123456789ab") {
				t.Fatalf("%q became %q: reference %d leads to %q, want the hashed name of %q", text, once, i, got.name, to.name)
			}
		}
	})
}
