package gitrepo

import (
	"encoding/binary"
	"testing"

	"holdfast/internal/treepack"
)

func TestTheMemoryOfSizesIsBounded(t *testing.T) {
	t.Parallel()
	var s sizes
	id := func(n int) treepack.ID {
		raw := make([]byte, treepack.SHA1.Size())
		binary.BigEndian.PutUint64(raw, uint64(n))
		id, err := treepack.NewID(treepack.SHA1, raw)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for n := 1; n <= manySizes+1; n++ {
		s.put(id(n), int64(n))
		if got, ok := s.get(id(n)); !ok || got != int64(n) {
			t.Fatalf("size %d, %v; want %d", got, ok, n)
		}
	}
	if len(s.all) > manySizes {
		t.Errorf("%d sizes are remembered", len(s.all))
	}
	s.forget()
	if _, ok := s.get(id(1)); ok {
		t.Error("a size was not forgotten")
	}
}
