package blob_test

import (
	"testing"

	"holdfast/internal/blob"
)

func TestSentinelsAreRead(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		if id, ok := blob.ParseSentinel([]byte(text)); id != want || ok != (want != "") {
			t.Errorf("%q is read as %q, %t, want %q", text, id, ok, want)
		}
	}
	f("holdfast blob store, format 1\nid ABCDEFGHIJKLMNOPQRSTUVWXYZ\nDo not remove: …\n", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	f("holdfast blob store, format 1\nid X\n", "X")
	f("holdfast blob store, format 1\nid X", "") // cut off
	f("holdfast blob store, format 1\nid \n", "")
	f("holdfast blob store, format 1\n", "")
	f("holdfast blob store, format 2\nid X\n", "")
	f("", "")
}

func TestEveryNewSentinelHasAnIDOfItsOwn(t *testing.T) {
	t.Parallel()
	a, ok := blob.ParseSentinel(blob.NewSentinel())
	b, _ := blob.ParseSentinel(blob.NewSentinel())
	if !ok || len(a) != 26 || a == b {
		t.Errorf("ids %q and %q", a, b)
	}
}
