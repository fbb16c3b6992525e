package assets

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Names that Vite made are kept, to the byte; what Vite did not name gets a name.
func TestAViteBuildIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		".vite/manifest.json": `{"src/main.ts": {"file": "assets/main-B4x9Kq2z.js", "src": "src/main.ts", "isEntry": true,
			"css": ["assets/main-C1c0n3Lw.css"], "assets": ["assets/logo-Dk1mP0aa.svg"], "imports": ["_shared-A1b2C3d4.js"]},
			"_shared-A1b2C3d4.js": {"file": "assets/shared-A1b2C3d4.js"}}`,
		"assets/main-B4x9Kq2z.js":   `import "./shared-A1b2C3d4.js"`,
		"assets/shared-A1b2C3d4.js": `1`,
		"assets/main-C1c0n3Lw.css":  `a{background:url(logo-Dk1mP0aa.svg)}`,
		"assets/logo-Dk1mP0aa.svg":  `<svg/>`,
		"favicon.ico":               "icon",
		"css/page.css":              `@import "../assets/main-C1c0n3Lw.css"; b{background:url(../favicon.ico)}`,
	})
	r := b.build()
	if len(r.Notes) > 0 {
		t.Errorf("notes: %v", r.Notes)
	}
	for _, name := range []string{"assets/main-B4x9Kq2z.js", "assets/shared-A1b2C3d4.js", "assets/main-C1c0n3Lw.css", "assets/logo-Dk1mP0aa.svg"} {
		if b.hashed(name) != name {
			t.Errorf("%s became %s", name, b.hashed(name))
		}
	}
	if b.hashed("src/main.ts") != "assets/main-B4x9Kq2z.js" || b.hashed("favicon.ico") == "favicon.ico" {
		t.Errorf("names: %v", b.index().Names)
	}
	if css := b.output(b.hashed("css/page.css")); !strings.Contains(css, `"../assets/main-C1c0n3Lw.css"`) || !strings.Contains(css, b.hashed("favicon.ico")) {
		t.Errorf("page.css: %s", css)
	}
	var vite map[string]struct {
		File string
		CSS  []string
	}
	if err := json.Unmarshal([]byte(b.output(viteManifest)), &vite); err != nil || len(vite["src/main.ts"].CSS) != 1 || vite["css/page.css"].File != b.hashed("css/page.css") {
		t.Errorf("manifest: %v %v", vite, err)
	}
	a := serving(t, b)
	expect(t, ask(t, a, "GET", "/static/assets/main-B4x9Kq2z.js"), 200, map[string]string{"Cache-Control": immutableLife})
	expect(t, ask(t, a, "GET", "/static/favicon.ico"), 200, map[string]string{"Cache-Control": "public, no-cache"})
}

func TestAWebpackBuildIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"manifest.json":        `{"main.js": "/static/main.3f2a9c01b7de.js", "plain.js": "plain.js", "vendor-bootstrap5.js": "vendor-bootstrap5.js"}`,
		"main.3f2a9c01b7de.js": "1", "plain.js": "2", "vendor-bootstrap5.js": "3",
	})
	b.build()
	if b.hashed("main.js") != "main.3f2a9c01b7de.js" || b.hashed("plain.js") == "plain.js" || b.hashed("vendor-bootstrap5.js") == "vendor-bootstrap5.js" {
		t.Errorf("names: %v", b.index().Names)
	}
	if b.index().Names["manifest.json"] != "" {
		t.Error("the manifest became an asset")
	}
}

// manifest.json is also what a web application is described by: then it is an asset like any other.
func TestADescriptionOfAWebApplicationIsNoManifest(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"manifest.json": `{"name": "School", "start_url": "/", "icons": [{"src": "a.png"}]}`, "a.png": "x"})
	b.build()
	if b.hashed("manifest.json") == "" || b.hashed("a.png") == "a.png" {
		t.Errorf("names: %v", b.index().Names)
	}
}

func TestNamesThatPatternsDeclareHashedAreKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"dist/x-abc.js": `import "./y-def.js"`, "dist/y-def.js": "1", "z.js": "2"})
	b.config.Hashed = []string{"dist/**"}
	b.build()
	if b.hashed("dist/x-abc.js") != "dist/x-abc.js" || b.hashed("z.js") == "z.js" || b.output("dist/x-abc.js") != `import "./y-def.js"` {
		t.Errorf("names: %v", b.index().Names)
	}
	b.write("dist/y-def.js", "changed under its name")
	if r := b.build(); len(r.Notes) != 1 || b.output("dist/y-def.js") != "changed under its name" {
		t.Errorf("notes: %v", r.Notes)
	}
}

// djangoScript runs collectstatic where it is asked to, and prints the URLs of the names in its arguments.
const djangoScript = `
import sys, django
from django.conf import settings
source, static, collect, *names = sys.argv[1:]
settings.configure(INSTALLED_APPS=["django.contrib.staticfiles"], STATIC_URL="/static/", STATIC_ROOT=static, DEBUG=False,
    STATICFILES_DIRS=[source] if source else [], STATICFILES_STORAGE="django.contrib.staticfiles.storage.ManifestStaticFilesStorage")
django.setup()
if collect == "yes":
    from django.core.management import call_command
    call_command("collectstatic", interactive=False, verbosity=0)
from django.templatetags.static import static as url
for name in names:
    print(url(name))
`

// runDjango returns the URLs that Django writes for names.
func runDjango(t *testing.T, source, static, collect string, names ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", append([]string{"-c", djangoScript, source, static, collect}, names...)...)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.Output()
	if err != nil {
		text := ""
		if e := (*exec.ExitError)(nil); asExit(err, &e) {
			text = string(e.Stderr)
		}
		t.Fatalf("django: %v: %s (install it with: apt-get install python3-django)", err, text)
	}
	return strings.Fields(string(out))
}

func asExit(err error, e **exec.ExitError) (ok bool) {
	*e, ok = err.(*exec.ExitError) //nolint:errorlint // it is what os/exec returns
	return ok
}

// S3-17: Django's own ManifestStaticFilesStorage reads our manifest from the set and writes URLs that we serve.
func TestDjangoReadsOurManifest(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	a := serving(t, b)
	for i, url := range runDjango(t, "", b.config.Output, "no", "css/main.css", "img/logo.svg") {
		want := "/static/" + b.hashed([]string{"css/main.css", "img/logo.svg"}[i])
		if url != want {
			t.Errorf("Django writes %s, want %s", url, want)
		}
		expect(t, ask(t, a, "GET", url), 200, map[string]string{"Cache-Control": immutableLife})
	}
}

// What collectstatic hashed is taken over: Django goes on writing its own names, and we serve them as what they are.
func TestWhatDjangoHashedIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	source := t.TempDir()
	for name, text := range map[string]string{"main.css": "a{background:url(a.png)}", "a.png": "picture"} {
		overwrite(t, filepath.Join(source, name), text)
	}
	urls := runDjango(t, source, b.config.Root, "yes", "main.css", "a.png")
	a := serving(t, b)
	for i, logical := range []string{"main.css", "a.png"} {
		if urls[i] != "/static/"+b.hashed(logical) {
			t.Errorf("Django writes %s, we have %s", urls[i], b.hashed(logical))
		}
		expect(t, ask(t, a, "GET", urls[i]), 200, map[string]string{"Cache-Control": immutableLife})
		expect(t, ask(t, a, "GET", "/static/"+logical), 200, map[string]string{"Cache-Control": "public, no-cache"})
	}
	if css := text(t, ask(t, a, "GET", urls[0])); !strings.Contains(css, filepath.Base(urls[1])) {
		t.Errorf("main.css: %s", css)
	}
	for name := range b.index().Names {
		if strings.Count(name, ".") > 3 {
			t.Errorf("%s was hashed twice", name)
		}
	}
}
