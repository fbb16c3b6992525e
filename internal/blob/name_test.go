package blob_test

import (
	"path/filepath"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// S0-35: whatever passes the grammar stays below the directory that it is joined to.
func FuzzANameThatPassesTheGrammarNeverLeavesItsDirectory(f *testing.F) {
	for _, seed := range []string{"a", "a/b", "../a", "a/../../b", "/etc/passwd", "a//b", ".", "a/.", "blobs/00/0123", "A", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := blob.ParseName(s)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q: kind %v", s, fault.KindOf(err))
			}
			return
		}
		joined := filepath.Join("/root", string(name))
		if joined != "/root/"+s || !filepath.IsLocal(s) {
			t.Errorf("%q leads to %s", s, joined)
		}
	})
}
