package treepack_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/treepack"
)

// repository is a real one, and a source that reads it with cat-file, one object at a time.
type repository struct {
	dir    string
	format treepack.Format

	mu  sync.Mutex // mu protects the following
	in  io.WriteCloser
	out *bufio.Reader
}

func git(t *testing.T, dir string, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a",
		"GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s(apt-get install git)", args, err, stderr.Bytes())
	}
	return strings.TrimSuffix(string(out), "\n")
}

func newRepository(t *testing.T, f treepack.Format) *repository {
	t.Helper()
	r := &repository{dir: t.TempDir(), format: f}
	git(t, r.dir, nil, "init", "-q", "--object-format="+f.String(), ".")
	return r
}

// open starts cat-file; call it when all objects have been written.
func (r *repository) open(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "cat-file", "--batch")
	cmd.Dir = r.dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (apt-get install git)", err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	r.in, r.out = in, bufio.NewReader(out)
}

func (r *repository) object(id treepack.ID, kind string) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := fmt.Fprintln(r.in, id); err != nil {
		return nil, err
	}
	line, err := r.out.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[1] != kind {
		return nil, fmt.Errorf("%s: %w", strings.TrimSpace(line), treepack.ErrMissing)
	}
	n, err := strconv.Atoi(fields[2])
	if err != nil {
		return nil, err
	}
	content := make([]byte, n+1)
	_, err = io.ReadFull(r.out, content)
	return content[:n], err
}

func (r *repository) Tree(_ context.Context, id treepack.ID) ([]byte, error) {
	return r.object(id, "tree")
}

func (r *repository) Size(_ context.Context, id treepack.ID) (int64, error) {
	b, err := r.object(id, "blob")
	return int64(len(b)), err
}

func (r *repository) Blob(_ context.Context, id treepack.ID) (io.ReadCloser, error) {
	b, err := r.object(id, "blob")
	return io.NopCloser(bytes.NewReader(b)), err
}

func (r *repository) write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	path = r.dir + "/" + path
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// oddities fills the work tree with all that courses have.
func (r *repository) oddities(t *testing.T) {
	t.Helper()
	r.write(t, "a name with spaces.txt", "x", 0o644)
	r.write(t, "empty", "", 0o644)
	r.write(t, "run", "#!/bin/sh\n", 0o755)
	r.write(t, "latin\xe9/\xff\xfe", "not UTF-8", 0o644)
	r.write(t, "decomposed e\u0301", "NFD", 0o644)
	r.write(t, "quoted \" \\ \t\n.txt", "q", 0o644)
	r.write(t, "a.b", "between", 0o644)
	r.write(t, "a/b", "directory", 0o644)
	r.write(t, "a-b", "before", 0o644)
	r.write(t, "crlf.txt", "one\r\ntwo\n", 0o644)
	r.write(t, "sub/.gitattributes", "* text eol=crlf export-ignore\n", 0o644)
	r.write(t, "sub/big.bin", strings.Repeat("0123456789abcdef", 40_000), 0o644)
	r.write(t, "sub/"+strings.Repeat("n", 255), "longest name", 0o755)
	r.write(t, "deep/1/2/3/4/5/6/7/8/9/x", "deep", 0o644)
	for link, target := range map[string]string{"up": "sub/big.bin", "out": "../../etc/passwd", "deep/abs": "/x", "dangling": "\xff"} {
		if err := os.Symlink(target, r.dir+"/"+link); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *repository) commit(t *testing.T) treepack.ID {
	t.Helper()
	git(t, r.dir, nil, "add", "-A")
	git(t, r.dir, nil, "commit", "-q", "-m", "m")
	id, err := treepack.ParseID(git(t, r.dir, nil, "rev-parse", "HEAD^{tree}"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// S4-20, E-59: what is unpacked is what git has, name by name, byte by byte, and has the id that git gives it.
func TestUnpackedTreesAreWhatGitHas(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		r := newRepository(t, f)
		r.oddities(t)
		tree := r.commit(t)
		r.open(t)
		data, part := whole(t, r, tree)
		got := unpack(t, data, part).files
		dirs := 0
		for _, value := range got {
			if value == "dir" {
				dirs++
			}
		}
		listed := git(t, r.dir, nil, "ls-tree", "-r", "-z", "HEAD")
		lines := strings.Split(strings.TrimSuffix(listed, "\x00"), "\x00")
		if len(got) != len(lines)+dirs || int(part.Files) != len(lines) {
			t.Errorf("%d files and directories, of them %d directories, part of %d files; git lists %d", len(got), dirs, part.Files, len(lines))
		}
		for _, line := range lines {
			head, path, _ := strings.Cut(line, "\t")
			fields := strings.Fields(head)
			content := git(t, r.dir, nil, "cat-file", "blob", fields[2]) // one line feed at the end is cut off
			prefix := map[string]string{"100644": "file exec=false ", "100755": "file exec=true ", "120000": "link "}[fields[0]]
			if strings.TrimSuffix(got[path], "\n") != prefix+content {
				t.Errorf("%q is %.60q; git has %s%.60q", path, got[path], prefix, content)
			}
		}
		onDisk(t, data, part, f)
	})
}

// onDisk unpacks into a directory, which git must find to be the same tree, and VerifyDir as well.
func onDisk(t *testing.T, data []byte, part treepack.Part, f treepack.Format) {
	t.Helper()
	d := newDisk(t)
	if err := treepack.Unpack(bytes.NewReader(data), part, d); err != nil {
		t.Fatal(err)
	}
	if len(d.kept) != 0 {
		t.Errorf("trees of today's git are kept: %q", d.kept)
	}
	if err := treepack.VerifyDir(t.Context(), d.root, part, nil); err != nil {
		t.Errorf("verify: %v", err)
	}
	git(t, d.root, nil, "init", "-q", "--object-format="+f.String(), ".")
	attributes := []byte("* -text -filter -ident -eol\n") // stands above .gitattributes: bytes as they are
	if err := os.WriteFile(d.root+"/.git/info/attributes", attributes, 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, d.root, nil, "add", "-A")
	if got := git(t, d.root, nil, "write-tree"); got != part.ID.ID.String() {
		t.Errorf("git finds the tree %s in the directory; want %s", got, part.ID.ID)
	}
}

// Trees that only old programs made: git reads them, and so do we, under the ids that they have.
func TestTreesOfOldProgramsKeepTheirIDs(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		r, s := newRepository(t, f), newStore(f)
		legacy := s.raw(padded(s.file("a", "1"), treepack.Entry{Name: "b", Mode: 0o100664, ID: s.blob("2")}))
		module := treepack.Entry{Name: "module", Mode: treepack.ModeSubmodule, ID: s.blob("a commit, in truth")}
		root := s.raw(padded(
			treepack.Entry{Name: "c", Mode: 0o100775, ID: s.blob("3")}, treepack.Entry{Name: "d", Mode: treepack.ModeDir, ID: legacy},
			treepack.Entry{Name: "e", Mode: treepack.ModeDir, ID: s.tree(module, s.file("x", "4"))},
			s.dir("plain", s.file("x", "4")),
		))
		for _, b := range s.blobs {
			git(t, r.dir, b, "hash-object", "-w", "--stdin")
		}
		for id, raw := range s.trees {
			if got := git(t, r.dir, raw, "hash-object", "-t", "tree", "--literally", "-w", "--stdin"); got != id.String() {
				t.Errorf("git calls the tree %s; we %s", got, id)
			}
		}
		r.open(t)
		data, part := whole(t, r, root)
		d := newDisk(t)
		if err := treepack.Unpack(bytes.NewReader(data), part, d); err != nil {
			t.Fatal(err)
		}
		if len(d.kept) != 3 {
			t.Errorf("kept are the trees of %q; want the root, d and e", d.kept)
		}
		kept, err := treepack.ParseKept(d.kept.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if err := treepack.VerifyDir(t.Context(), d.root, part, kept); err != nil {
			t.Errorf("verify: %v", err)
		}
		if treepack.VerifyDir(t.Context(), d.root, part, nil) == nil {
			t.Error("without the trees that were kept, the directory must not have the id")
		}
		if _, err := os.Lstat(d.root + "/e/module"); err == nil {
			t.Error("the submodule left something behind")
		}
	})
}

// fsck returns what git finds wrong, which is why it fails.
func fsck(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "fsck", "--no-dangling")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
		t.Fatalf("git fsck: %v (apt-get install git)", err)
	}
	return string(out)
}
