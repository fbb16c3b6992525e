package examples

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// call is one vector as a helper gets it.
type call struct {
	Key        string `json:"key"`
	Blob       string `json:"blob"`
	Name       string `json:"name"`
	TTL        int64  `json:"ttl"`
	Window     int64  `json:"window"`
	Now        int64  `json:"now"`
	Attachment bool   `json:"attachment"`
	MediaType  string `json:"media_type"`
	Shared     bool   `json:"shared"`
	Session    string `json:"session"`
}

// vectors returns the calls and the paths that they must give.
func vectors(t *testing.T) (calls []call, paths []string) {
	t.Helper()
	b, err := os.ReadFile("../testdata/vectors/link.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Valid []struct {
			Purpose, Blob, Type, Session, Path string
			Now, TTL, Window                   int64
			Attachment, Shared                 bool
			Download                           string `json:"download_name"`
			Key                                struct{ Text string }
		}
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all.Valid {
		if v.Purpose == "get" {
			calls = append(calls, call{v.Key.Text, v.Blob, v.Download, v.TTL, v.Window, v.Now, v.Attachment, v.Type, v.Shared, v.Session})
			paths = append(paths, v.Path)
		}
	}
	if len(calls) < 5 {
		t.Fatalf("only %d vectors", len(calls))
	}
	return calls, paths
}

// check runs a program that reads the calls as JSON and prints a path for each, on a line of its own.
func check(t *testing.T, install, program string, args ...string) {
	t.Helper()
	t.Parallel()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing; install it with: apt-get install %s", program, install)
	}
	calls, paths := vectors(t)
	in, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = bytes.NewReader(in)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(got) != len(paths) {
		t.Fatalf("%d lines for %d calls: %s", len(got), len(paths), out)
	}
	for i := range paths {
		if got[i] != paths[i] {
			t.Errorf("%+v:\n got %s\nwant %s", calls[i], got[i], paths[i])
		}
	}
}

func TestPythonMakesThePublishedLinks(t *testing.T) {
	check(t, "python3", "/usr/bin/python3", "-c", `
import json, sys
from holdfast_link import sign_link
for c in json.load(sys.stdin):
    print(sign_link(**c))`)
}

func TestJavaScriptMakesThePublishedLinks(t *testing.T) {
	check(t, "nodejs", "node", "-e", `
const { signLink } = require('./holdfast_link.js')
for (const c of JSON.parse(require('fs').readFileSync(0))) {
  console.log(signLink(c.key, c.blob, c.name, { ...c, mediaType: c.media_type }))
}`)
}

func TestRubyMakesThePublishedLinks(t *testing.T) {
	check(t, "ruby", "ruby", "-rjson", "-r./holdfast_link", "-e", `
JSON.parse(STDIN.read, symbolize_names: true).each do |c|
  key, blob, name = c.delete(:key), c.delete(:blob), c.delete(:name)
  puts HoldfastLink.sign(key, blob, name, **c)
end`)
}

func TestPHPMakesThePublishedLinks(t *testing.T) {
	check(t, "php-cli", "php", "-r", `
require './holdfast_link.php';
foreach (json_decode(stream_get_contents(STDIN), true) as $c) {
    echo holdfast_sign_link(...$c), "\n";
}`)
}

// The helpers are meant to be copied: they stay short.
func TestHelpersStayShort(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"holdfast_link.py", "holdfast_link.js", "holdfast_link.rb", "holdfast_link.php", "holdfast_content.py", "holdfast_content.js"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		code := 0
		for line := range strings.Lines(string(b)) {
			l := strings.TrimSpace(line)
			if l != "" && !strings.HasPrefix(l, "#") && !strings.HasPrefix(l, "//") {
				code++
			}
		}
		if code > 40 {
			t.Errorf("%s has %d lines of code", name, code)
		}
	}
}
