package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/files"
)

// store is the files API of a fake daemon.
func store(content map[string]string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT "+routeContent, func(w http.ResponseWriter, r *http.Request) {
		key := r.URL.Query().Get("key")
		if strings.HasSuffix(key, "full") {
			control.WriteError(w, fault.New(fault.Full, "disk_full", "no room").WithHint("make room"))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.ContentLength >= 0 && int64(len(body)) != r.ContentLength {
			control.WriteError(w, fault.New(fault.Invalid, "short", "short body"))
			return
		}
		control.WriteJSON(w, http.StatusCreated, files.ObjectInfo{Bucket: r.URL.Query().Get("bucket"), Key: key, Size: int64(len(body)), Sniffed: "text/plain"})
	})
	mux.HandleFunc("GET "+routeContent, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, content[r.URL.Query().Get("key")])
	})
	mux.HandleFunc("POST "+routeStat, func(w http.ResponseWriter, r *http.Request) {
		var ref files.ObjectRef
		_ = json.NewDecoder(r.Body).Decode(&ref)
		text, ok := content[ref.Key]
		if !ok {
			control.WriteError(w, fault.New(fault.NotFound, "no_such_key", "no such key"))
			return
		}
		control.WriteJSON(w, http.StatusOK, files.ObjectInfo{Bucket: ref.Bucket, Key: ref.Key, Size: int64(len(text)), SHA256: wrongDigest(ref.Key)})
	})
	mux.HandleFunc("POST "+routeList, func(w http.ResponseWriter, r *http.Request) {
		answer := files.ListObjectsAnswer{}
		for key := range content {
			answer.Objects = append(answer.Objects, files.ObjectInfo{Bucket: "b", Key: key})
		}
		control.WriteJSON(w, http.StatusOK, answer)
	})
	return mux
}

func wrongDigest(key string) string {
	if key == "spoiled" {
		return strings.Repeat("0", 64)
	}
	return ""
}

func TestOneFailingFileOfSeveralIsAPartialSuccess(t *testing.T) {
	t.Parallel()
	dir, env := site(t, "")
	fakeDaemon(t, dir, store(nil))
	for _, name := range []string{"a", "b", "full"} {
		write(t, filepath.Join(dir, "in", name), "some text")
	}
	in := filepath.Join(dir, "in")
	run(env, "files", "put", "-r", in, "bucket/x/").expect(t, 11, "stored bucket/x/a", "stored bucket/x/b", "bucket/x/full: no room", "hint: make room", "2 files done, 1 failed")
	run(env, "files", "put", filepath.Join(in, "full"), "bucket/").expect(t, 8, "holdfast: no room", "hint: make room")
	r := run(env, "files", "put", "-r", in, "bucket/x/", "--json")
	r.expect(t, 11)
	if lines := strings.Split(strings.TrimSpace(r.stdout), "\n"); len(lines) != 3 {
		t.Errorf("want a line for each file: %s", r.stdout)
	}
	runWith("from a pipe", env, "files", "put", "-", "bucket/key").expect(t, 0, "stored bucket/key  (11 B, text/plain)")
	runWith("x", env, "files", "put", "-", "bucket/").expect(t, 2, "standard input has no name")
}

func TestAFileThatArrivesSpoiledLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, env := site(t, "")
	fakeDaemon(t, dir, store(map[string]string{"spoiled": "text", "fine": "text"}))
	target := filepath.Join(dir, "out", "f")
	write(t, filepath.Join(dir, "out", "other"), "")
	run(env, "files", "get", "b/spoiled", target).expect(t, 9, "what arrived is not what was announced")
	if entries, err := os.ReadDir(filepath.Dir(target)); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
	run(env, "files", "get", "b/fine", target).expect(t, 0, "fetched")
	run(env, "files", "get", "b/fine", filepath.Join(dir, "out", "other")).expect(t, 6, "exists with another content", "--force")
	run(env, "files", "get", "b/fine", filepath.Join(dir, "out", "other"), "--force").expect(t, 0)
}

func TestAKeyThatLeadsOutOfTheDirectoryIsNotFetched(t *testing.T) {
	t.Parallel()
	dir, env := site(t, "")
	fakeDaemon(t, dir, store(map[string]string{"../../evil": "x", "/etc/evil": "x", "a//b": "x", "good": "x"}))
	out := filepath.Join(dir, "deep", "out")
	run(env, "files", "get", "-r", "b", out).expect(t, 11, "b/../../evil", "cannot be the name of a file")
	if _, err := os.Stat(filepath.Join(dir, "evil")); err == nil {
		t.Error("a key led out of the directory")
	}
	if _, err := os.Stat(filepath.Join(out, "good")); err != nil {
		t.Error(err)
	}
}

func TestProgressIsJSONOnceASecondAndSilentWithoutATerminal(t *testing.T) {
	t.Parallel()
	var out, story strings.Builder
	a := &app{stdout: &out, stderr: &story, json: true}
	tr := a.newProgress().file("b/k", 100)
	tr.add(10)
	if story.String() != "" {
		t.Errorf("told too early: %s", story.String())
	}
	tr.told = time.Now().Add(-2 * time.Second)
	tr.add(10)
	if got := strings.TrimSpace(story.String()); got != `{"progress":{"file":"b/k","bytes":20,"total":100}}` {
		t.Errorf("told %s", got)
	}
	quiet := &app{stdout: &out, stderr: &story}
	story.Reset()
	tr = quiet.newProgress().file("b/k", 100)
	tr.told = time.Now().Add(-2 * time.Second)
	tr.add(10)
	if story.String()+out.String() != "" {
		t.Errorf("a pipe got %q", story.String())
	}
}

func TestAnExportThatBreaksOffSaysHowToGoOn(t *testing.T) {
	t.Parallel()
	dir, env := site(t, "")
	lines := ""
	fakeDaemon(t, dir, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, lines) }))
	f := func(answer string, code int, parts ...string) {
		t.Helper()
		lines = answer
		run(env, "files", "export", "b", "/nowhere").expect(t, code, parts...)
	}
	f(`{"objects":1}`+"\n", 7, "ended before it was done", "--resume")
	f(`{"objects":1}`+"\n"+`{"objects":2,"bytes":10,"linked":2,"done":true}`+"\n", 0, "exported 2 files (10 B)", "2 linked")
	f(`{"objects":1,"skipped":"a/../b","reason":"no name"}`+"\n"+`{"objects":1,"done":true}`+"\n", 11, "skipped a/../b: no name", "1 key skipped")
	f(`{"objects":1,"error":"disk full","kind":"full","code":"disk_full","hint":"make room"}`+"\n", 8, "disk full", "hint: make room")
	f(`{"objects":1,"error":"the store is away","kind":"unavailable","code":"store_away"}`+"\n", 7, "the store is away")
	f(`{"objects":1,"error":"no right to write","kind":"denied","code":"denied"}`+"\n", 5, "no right to write")
}

func TestAStatusThatIsAnErrorEndsWithACodeOfItsOwn(t *testing.T) {
	t.Parallel()
	dir, env := site(t, "")
	state := "ok"
	fakeDaemon(t, dir, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"version":"v1","started":"2026-01-02T03:04:05Z","state":"`+state+`","sections":[{"name":"store","state":"`+state+
			`","summary":"files on disk","facts":{"hosts":["a","b"],"links":{"served":3},"none":null}}],
			"findings":[{"code":"disk_low","title":"Disk space runs out","text":"3 MB left","severity":"warning","hint":"make room","since":"2026-01-02T03:04:05Z"}]}`)
	}))
	run(env, "status").expect(t, 0, "Holdfast is well.", "hosts: a, b", "links: served=3", "warning: Disk space runs out", "3 MB left", "→ make room")
	state = "error"
	run(env, "status").expect(t, 7, "Holdfast is not well.", "not as it should")
	run(env, "status", "--json").expect(t, 7, `"exit":7`)
}
