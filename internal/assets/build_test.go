package assets

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// bench is a root and an output directory.
type bench struct {
	t      testing.TB
	config Config
	now    time.Time // what the builder takes for the time; zero: the real one
}

func newBench(t testing.TB, files map[string]string) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{t: t, config: DefaultConfig()}
	b.config.Root, b.config.Output = filepath.Join(dir, "root"), filepath.Join(dir, "out")
	if err := os.Mkdir(b.config.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		b.write(name, text)
	}
	return b
}

// write makes a file below the root that was last touched long ago, so that its times can be trusted.
func (b *bench) write(name, text string) {
	b.t.Helper()
	path := filepath.Join(b.config.Root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) remove(name string) {
	b.t.Helper()
	if err := os.Remove(filepath.Join(b.config.Root, filepath.FromSlash(name))); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) builder() *Builder {
	x := NewBuilder(b.config, slog.New(slog.NewTextHandler(b.t.Output(), nil)))
	if !b.now.IsZero() {
		x.now = func() time.Time { return b.now }
	}
	return x
}

func (b *bench) build() Report {
	b.t.Helper()
	r, err := b.builder().Build(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func (b *bench) index() *index {
	b.t.Helper()
	x, err := readIndex(b.config.Output)
	if err != nil {
		b.t.Fatal(err)
	}
	return x
}

// hashed returns the hashed name of a logical one.
func (b *bench) hashed(logical string) string {
	b.t.Helper()
	name := b.index().Names[logical]
	if name == "" {
		b.t.Fatalf("%s has no hashed name", logical)
	}
	return name
}

// output returns a file of the set.
func (b *bench) output(name string) string {
	b.t.Helper()
	content, err := os.ReadFile(filepath.Join(b.config.Output, filepath.FromSlash(name)))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(content)
}

func (b *bench) has(name string) bool {
	_, err := os.Lstat(filepath.Join(b.config.Output, filepath.FromSlash(name)))
	return err == nil
}

// tree returns every file of the set outside ownDir, with what tells whether it was touched.
func (b *bench) tree() map[string]string {
	b.t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(b.config.Output, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ownDir {
				return fs.SkipDir
			}
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		s := stamp(info)
		rel, err := filepath.Rel(b.config.Output, path)
		out[rel] = s.MTime.String() + " " + time.Duration(s.Inode).String()
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func long(text string) string { return strings.Repeat(text+"\n", 200) }

func siteFiles() map[string]string {
	return map[string]string{
		"css/main.css":   long("a{color:red}") + `@import "theme.css"; b{background:url(../img/logo.svg)} @font-face{src:url(/static/f.woff2)}`,
		"css/theme.css":  long("b{color:blue}"),
		"img/logo.svg":   long("<svg/>"),
		"f.woff2":        "font",
		"js/app.js":      long("f()") + `import {x} from "./lib.js"; import("./late.js"); export {x}`,
		"js/lib.js":      `export const x = 1`,
		"js/late.js":     `export default 2` + "\n//# sourceMappingURL=late.js.map",
		"js/late.js.map": `{}`,
	}
}

// S3-17, S3-18: hash in the name, references rewritten, variants that decode to the original and are smaller, plain names
// for web servers with gzip_static, manifests.
func TestABuildMakesHashedCompressedAndRewrittenAssets(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	r := b.build()
	if r.Assets != 8 || len(r.Written) != 8 || len(r.Notes) != 0 {
		t.Fatalf("report: %+v", r)
	}
	main := b.output(b.hashed("css/main.css"))
	for _, want := range []string{
		`"` + filepath.Base(b.hashed("css/theme.css")) + `"`, `url(../` + b.hashed("img/logo.svg") + `)`, `url(/static/` + b.hashed("f.woff2") + `)`,
	} {
		if !strings.Contains(main, want) {
			t.Errorf("main.css does not refer to %s", want)
		}
	}
	if !strings.Contains(b.output(b.hashed("js/late.js")), "sourceMappingURL="+filepath.Base(b.hashed("js/late.js.map"))) {
		t.Error("the source map is not referred to by its hashed name")
	}
	for name, f := range b.index().Files {
		whole := b.output(name)
		for _, p := range f.Variants {
			got := decode(t, p.Coding, b.output(name+p.Coding.suffix()))
			if got != whole {
				t.Errorf("%s in %s decodes to something else", name, p.Coding)
			}
			if p.Coding != Identity && p.Size >= int64(len(whole)) {
				t.Errorf("%s in %s is not smaller", name, p.Coding)
			}
			if b.output(f.Logical+p.Coding.suffix()) != b.output(name+p.Coding.suffix()) {
				t.Errorf("%s is something else under its plain name", name)
			}
		}
	}
	if n := len(b.index().Files[b.hashed("css/main.css")].Variants); n != 4 {
		t.Errorf("main.css has %d variants, want 4", n)
	}
	if len(b.index().Files[b.hashed("f.woff2")].Variants) != 1 || b.has("f.woff2.gz") {
		t.Error("a font that is compressed already was compressed")
	}
	var d django
	if err := json.Unmarshal([]byte(b.output("staticfiles.json")), &d); err != nil || d.Paths["css/main.css"] != b.hashed("css/main.css") || d.Version != "1.0" {
		t.Errorf("staticfiles.json: %+v, %v", d, err)
	}
	var vite map[string]struct{ File string }
	if err := json.Unmarshal([]byte(b.output(".vite/manifest.json")), &vite); err != nil || vite["js/app.js"].File != b.hashed("js/app.js") {
		t.Errorf("vite: %+v, %v", vite, err)
	}
	var webpack map[string]string
	if err := json.Unmarshal([]byte(b.output("assets-manifest.json")), &webpack); err != nil || webpack["f.woff2"] != "/static/"+b.hashed("f.woff2") {
		t.Errorf("webpack: %+v, %v", webpack, err)
	}
}

func decode(t *testing.T, c Coding, text string) string {
	t.Helper()
	var r io.Reader = strings.NewReader(text)
	var err error
	switch c {
	case Gzip:
		r, err = gzip.NewReader(r)
	case Brotli:
		r = brotli.NewReader(r)
	case Zstd:
		r, err = zstd.NewReader(r, zstd.WithDecoderMaxWindow(zstdWindow))
	}
	var out bytes.Buffer
	if err == nil {
		_, err = out.ReadFrom(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// S3-18: one byte changes the name of the file and of all that refer to it, and of nothing else; the old name keeps its
// content.
func TestAChangedByteChangesTheNamesThatDependOnIt(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	b.build()
	before, oldMain := maps.Clone(b.index().Names), b.output(b.hashed("css/main.css"))
	b.write("css/theme.css", long("b{color:blux}"))
	r := b.build()
	if len(r.Written) != 2 || r.Retired != 2 {
		t.Errorf("report: %+v", r)
	}
	for logical, name := range b.index().Names {
		if changed := name != before[logical]; changed != (logical == "css/theme.css" || logical == "css/main.css") {
			t.Errorf("%s: %s became %s", logical, before[logical], name)
		}
	}
	if b.output(before["css/main.css"]) != oldMain {
		t.Error("the file under the old name is another one")
	}
}

// A second build touches only what changed, and nothing when nothing did.
func TestABuildTouchesOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	b.build()
	first := b.tree()
	b.now = time.Now().Add(time.Hour) // the times of the sources are old enough to be trusted
	b.build()
	if second := b.tree(); !maps.Equal(first, second) {
		t.Errorf("a build without a change touched files:\n%v\n%v", first, second)
	}
	index := b.output(ownDir + "/index.json")
	b.build()
	if b.output(ownDir+"/index.json") != index {
		t.Error("the index was written though nothing changed")
	}
	b.write("js/lib.js", "export const x = 3")
	b.now = b.now.Add(time.Hour)
	b.build()
	var touched []string
	for name, s := range b.tree() {
		if first[name] != s {
			touched = append(touched, name)
		}
	}
	for _, name := range touched {
		if !strings.HasPrefix(name, "js/lib.") && !strings.HasPrefix(name, "js/app.") && !strings.HasSuffix(name, ".json") {
			t.Errorf("%s was touched", name)
		}
	}
	if len(touched) < 4 {
		t.Errorf("only %v were touched", touched)
	}
}

func TestTheSameReleaseHasTheSameNamesEverywhere(t *testing.T) {
	t.Parallel()
	a, b := newBench(t, siteFiles()), newBench(t, siteFiles())
	a.build()
	b.build()
	if x, y := a.index(), b.index(); !maps.Equal(x.Names, y.Names) {
		t.Errorf("names differ:\n%v\n%v", x.Names, y.Names)
	}
	for name, f := range a.index().Files {
		if !slices.Equal(f.Variants, b.index().Files[name].Variants) {
			t.Errorf("%s has other bytes", name)
		}
	}
}
