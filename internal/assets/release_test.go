package assets

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// Cycles of modules are named together: a change in one renames all of them, and references lead to what exists.
func TestModulesThatImportEachOtherAreNamedTogether(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"a.js": `import "./b.js"; import "./a.js"`, "b.js": `import "./c.js"`, "c.js": `import "./a.js"; import "./leaf.js"`,
		"leaf.js": `1`, "user.js": `import "./b.js"`, "alone.js": `import "./leaf.js"`,
	})
	b.build()
	before := maps.Clone(b.index().Names)
	for _, pair := range [][2]string{{"a.js", "b.js"}, {"b.js", "c.js"}, {"c.js", "a.js"}, {"a.js", "a.js"}, {"c.js", "leaf.js"}, {"user.js", "b.js"}} {
		if text := b.output(before[pair[0]]); !strings.Contains(text, `"./`+before[pair[1]]+`"`) {
			t.Errorf("%s does not import %s: %s", pair[0], pair[1], text)
		}
	}
	b.write("b.js", `import "./c.js"; 2`)
	b.build()
	for logical, name := range b.index().Names {
		want := logical != "leaf.js" && logical != "alone.js"
		if (name != before[logical]) != want {
			t.Errorf("%s: %s became %s", logical, before[logical], name)
		}
	}
}

func TestReferencesThatLeadNowhereAreLeftAndReported(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"a.css": `a{background:url(gone.png)} b{background:url(https://example.org/x.png)}`, "b.js": `import "react"; import "./gone.js"; "`,
	})
	r := b.build()
	if len(r.Notes) != 2 || r.Notes[0].Target != "gone.png" || r.Notes[1].File != "b.js" {
		t.Errorf("notes: %v", r.Notes)
	}
	if !strings.Contains(b.output(b.hashed("a.css")), "url(gone.png)") {
		t.Error("the reference was touched")
	}
	b.write("gone.png", "picture")
	if r := b.build(); len(r.Notes) != 1 || !strings.Contains(b.output(b.hashed("a.css")), "url(gone.") || strings.Contains(b.output(b.hashed("a.css")), "url(gone.png)") {
		t.Errorf("the file is there now, and not referred to: %v %s", r.Notes, b.output(b.hashed("a.css")))
	}
}

// S3-17: old names are served across releases, and not for ever.
func TestOldNamesStayForAWhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.css": long("one"), "gone.css": long("gone")})
	b.config.Keep = unit.Duration(time.Hour)
	b.now = time.Now().Add(time.Minute)
	b.build()
	old, gone := b.hashed("a.css"), b.hashed("gone.css")
	b.write("a.css", long("two"))
	b.remove("gone.css")
	b.now = b.now.Add(time.Minute)
	b.build()
	if !b.has(old) || !b.has(old+".br") || !b.has(gone) || b.has("gone.css") || b.has("gone.css.gz") {
		t.Errorf("files: %v", slices.Sorted(maps.Keys(b.tree())))
	}
	b.now = b.now.Add(59 * time.Minute)
	b.build()
	if !b.has(old) {
		t.Error("the old name went too early")
	}
	b.now = b.now.Add(2 * time.Minute)
	if r := b.build(); r.Removed != 2 || b.has(old) || b.has(old+".br") || b.has(gone) {
		t.Errorf("the old names are still there: %+v", r)
	}
}

// A name that comes back is not removed when its first time would be over.
func TestARollbackTakesAnOldNameUpAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.css": long("one")})
	b.config.Keep = unit.Duration(time.Hour)
	b.now = time.Now()
	b.build()
	old := b.hashed("a.css")
	for i, text := range []string{"two", "one", "one"} {
		b.now = b.now.Add(time.Duration(i+1) * 50 * time.Minute)
		b.write("a.css", long(text))
		b.build()
	}
	if b.hashed("a.css") != old || !b.has(old) || !b.index().Files[old].Retired.IsZero() {
		t.Errorf("%+v", b.index().Files)
	}
}

// S3-30: what systems and editors leave behind is no asset without a word, and globs say more.
func TestIncludeAndExcludeDecideWhatIsAnAsset(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"css/a.css": "a", "css/a.css.bak": "x", ".env": "SECRET=1", ".git/config": "x", "node_modules/x/y.js": "x", "a~": "x", "tls.key": "x",
		"css/raw/x.css": "x", "doc.txt": "x", "css/a.css.gz": "an old one", ".DS_Store": "x", "css/.DS_Store": "x", "css/._a.css": "x", "css/.a.css.swp": "x", "css/#a.css#": "x", "css/a.css.orig": "x", "data.tar.gz": "an archive", ".well-known/security.txt": "x",
	})
	b.config.Exclude = []string{"css/raw/**"}
	b.build()
	want := []string{".well-known/security.txt", "css/a.css", "data.tar.gz", "doc.txt"}
	if got := slices.Sorted(maps.Keys(b.index().Names)); !slices.Equal(got, want) {
		t.Errorf("assets: %v, want %v", got, want)
	}
	b.config.Include = []string{"*.css"}
	b.build()
	if got := slices.Sorted(maps.Keys(b.index().Names)); !slices.Equal(got, []string{"css/a.css"}) {
		t.Errorf("assets: %v", got)
	}
}

func TestALinkOutOfTheRootIsNotFollowed(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.txt": "inside"})
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"out.txt": outside, "up.txt": "../../secret", "in.txt": "a.txt"} {
		if err := os.Symlink(to, filepath.Join(b.config.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	r := b.build()
	if got := slices.Sorted(maps.Keys(b.index().Names)); !slices.Equal(got, []string{"a.txt", "in.txt"}) || len(r.Notes) != 2 {
		t.Errorf("assets %v, notes %v", got, r.Notes)
	}
}

func TestADirectoryOfSomebodyElseIsNotUsedForTheSet(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"a.txt": "x"})
	if err := os.MkdirAll(b.config.Output, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.config.Output, "mine.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := b.builder().Build(t.Context()); fault.CodeOf(err) != "assets_output" {
		t.Errorf("got %v", err)
	}
}

// A file of the set that was cut is written anew.
func TestABuildRepairsTheSet(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	b.build()
	name := b.hashed("css/theme.css")
	if err := os.Truncate(filepath.Join(b.config.Output, name+".br"), 3); err != nil {
		t.Fatal(err)
	}
	if r := b.build(); !slices.Equal(r.Written, []string{name}) {
		t.Errorf("written: %v", r.Written)
	}
	if decode(t, Brotli, b.output(name+".br")) != b.output(name) {
		t.Error("it is still damaged")
	}
}
