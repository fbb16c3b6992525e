package files_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/files"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// export runs an export and returns its last event and what was skipped.
func export(t *testing.T, n *node, r files.ExportRequest) (last files.ExportEvent, skipped map[string]string) {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	got := n.do(t, http.MethodPost, "/v1/files/export", bytes.NewReader(b))
	if got.status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	skipped = map[string]string{}
	for line := range strings.Lines(got.body) {
		last = files.ExportEvent{}
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatal(err)
		}
		if last.Skipped != "" {
			skipped[last.Skipped] = last.Reason
		}
	}
	return last, skipped
}

// Principle 5: every object under its own name, by hard link where that is possible; keys that are no file names are
// told, and none leads out of the directory.
func TestAnExportWritesPlainNamesByHardLink(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	n := newSite(t, onDisk(t)).node(t)
	good := map[string]string{"a/b/1.png": png, "a/Ü 2.txt": "two", "empty": "", ".hidden": "h"}
	for key, body := range good {
		n.put(t, "papers", key, "", body)
	}
	bad := []string{"../escape", "a//double", "dir/", "a/./x", "a/b/1.png/below", strings.Repeat("x", 300), "/absolute"}
	for _, key := range bad {
		n.put(t, "papers", key, "", "bad")
	}
	dir := filepath.Join(root, "out", "papers")
	last, skipped := export(t, n, files.ExportRequest{Bucket: "papers", Directory: dir})
	if !last.Done || last.Objects != 4 || last.Linked != 4 || last.Copied != 0 || last.Error != "" {
		t.Errorf("%+v", last)
	}
	if len(skipped) != len(bad) {
		t.Errorf("skipped: %v", skipped)
	}
	for key, want := range good {
		b, err := os.ReadFile(filepath.Join(dir, key))
		if err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", key, b, err)
		}
	}
	found := 0
	_ = filepath.WalkDir(root, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found++
		}
		return err
	})
	if found != 4 {
		t.Errorf("%d files below %s", found, root)
	}
}

// The kind decides about the exit code of the command.
func TestAnExportThatFailsInItsMiddleSaysOfWhichKind(t *testing.T) {
	t.Parallel()
	b := &brokenStore{}
	n := newSite(t, b.wrap).node(t)
	n.put(t, "papers", "../skipped before", "", "bad")
	n.put(t, "papers", "paper", "", "good")
	b.down.Store(true)
	last, _ := export(t, n, files.ExportRequest{Bucket: "papers", Directory: t.TempDir()})
	if last.Done || last.Kind != "unavailable" || last.Error == "" {
		t.Errorf("%+v", last)
	}
}

func TestAnExportCopiesWhereItCannotLinkAndResumes(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	big := strings.Repeat("x", 300<<10)
	for _, key := range []string{"a", "b/c", "b/d"} {
		n.put(t, "papers", key, "", big)
	}
	dir := t.TempDir()
	last, _ := export(t, n, files.ExportRequest{Bucket: "papers", Prefix: "b/", Directory: dir})
	if !last.Done || last.Copied != 2 || last.Bytes != 2*int64(len(big)) {
		t.Errorf("%+v", last)
	}
	b, err := json.Marshal(files.ExportRequest{Bucket: "papers", Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	if r := n.do(t, http.MethodPost, "/v1/files/export", bytes.NewReader(b)); r.code(t) != "export_not_empty" {
		t.Errorf("not empty: %+v", r)
	}
	if err := os.WriteFile(filepath.Join(dir, "b", "d"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	last, skipped := export(t, n, files.ExportRequest{Bucket: "papers", Directory: dir, Resume: true})
	if !last.Done || last.Copied != 1 || last.Kept != 1 || len(skipped) != 1 || skipped["b/d"] == "" {
		t.Errorf("%+v, %v", last, skipped)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "b", "d")); err != nil || string(got) != "mine" {
		t.Errorf("a file of somebody else was overwritten: %q, %v", got, err)
	}
	if r := n.do(t, http.MethodPost, "/v1/files/export", strings.NewReader(`{"bucket":"papers","directory":"relative"}`)); r.code(t) != "export_directory" {
		t.Errorf("%+v", r)
	}
	if r := n.do(t, http.MethodPost, "/v1/files/export", strings.NewReader(`{"bucket":"nobody","directory":"`+t.TempDir()+`"}`)); r.code(t) != "no_such_bucket" {
		t.Errorf("%+v", r)
	}
}

// An export that goes on is of what the bucket holds now: what was replaced since is exported again, also by something of the same
// length, whether the first export linked or copied it.
func TestAResumedExportReplacesWhatIsStale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, then string
		how         func(files.ExportEvent) int64
	}{
		{"link", "link", func(e files.ExportEvent) int64 { return e.Linked }},
		{"copy", "copy", func(e files.ExportEvent) int64 { return e.Copied }},
		{"link", "copy", func(e files.ExportEvent) int64 { return e.Copied }},
		{"copy", "link", func(e files.ExportEvent) int64 { return e.Linked }},
	} {
		t.Run(c.first+", then "+c.then, func(t *testing.T) {
			t.Parallel()
			n, dir := newSite(t, onDisk(t)).node(t), t.TempDir()
			for _, key := range []string{"x/a.txt", "x/b.txt", "touched"} {
				n.put(t, "papers", key, "", "the old content")
			}
			export(t, n, files.ExportRequest{Bucket: "papers", Directory: dir, Copy: c.first == "copy"})
			n.put(t, "papers", "x/a.txt", "", "the new content")
			if c.first == "copy" { // as after a move of the export by a program that keeps no times
				if err := os.Chtimes(filepath.Join(dir, "touched"), time.Time{}, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			again := files.ExportRequest{Bucket: "papers", Directory: dir, Copy: c.then == "copy", Resume: true}
			last, skipped := export(t, n, again)
			changed, kept := int64(1), int64(2)
			if c.first == "copy" && c.then == "link" {
				changed, kept = 3, 0 // a link takes no space
			}
			if !last.Done || c.how(last) != changed || last.Kept != kept || last.Objects != changed || len(skipped) != 0 {
				t.Errorf("%+v, %v", last, skipped)
			}
			for key, want := range map[string]string{"x/a.txt": "the new content", "x/b.txt": "the old content", "touched": "the old content"} {
				if b, err := os.ReadFile(filepath.Join(dir, key)); err != nil || string(b) != want {
					t.Errorf("%s: %q, %v", key, b, err)
				}
				if got := n.get(t, n.sign(t, "papers", key)).body; got != want {
					t.Errorf("the object %s is %q", key, got)
				}
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*", ".export-*")); len(left) != 0 {
				t.Errorf("left: %q", left)
			}
			if last, _ := export(t, n, again); last.Kept != 3 || last.Objects != 0 {
				t.Errorf("once more: %+v", last)
			}
		})
	}
}
