package content

import (
	"os"
	"path/filepath"
	"testing"

	"holdfast/internal/treepack"
)

func TestTheTagOfAFileIsItsBlobID(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e := newETags()
	for range 2 {
		id, err := e.of(f, treepack.SHA1, "tree/f")
		if want := treepack.HashObject(treepack.SHA1, "blob", []byte("hello\n")).String(); err != nil || id != want {
			t.Errorf("%s, %v; want %s", id, err, want)
		}
	}
	for i := range maxETags + 5 {
		e.put(string(rune(i)), "x")
	}
	if _, ok := e.get("tree/f"); ok || len(e.places) != maxETags || e.order.Len() != maxETags {
		t.Errorf("%d tags are remembered", len(e.places))
	}
}
