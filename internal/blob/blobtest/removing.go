package blobtest

import (
	"testing"

	"holdfast/internal/blob"
)

var removing = []test{
	{"a deleted blob is gone with its sidecar, and deleting again is no error", deleteTwice},
	{"a deleted name can be put again and inherits nothing", deleteReuse},
	{"a moved blob has another name and keeps its sidecar", moveOnce},
	{"a move repeated after a crash succeeds", moveRepeated},
	{"a move onto another blob is refused and both stay", moveOnto},
	{"a move to itself changes nothing", moveSelf},
	{"a blob moves there and back", moveBack},
}

func deleteTwice(t *testing.T, s blob.Store) {
	for _, sidecar := range [][]byte{nil, []byte("small"), bytesOf("large", blob.MaxSidecar)} {
		putWith(t, s, "blobs/00/gone", []byte("x"), sidecar)
		put(t, s, "blobs/00/stays", []byte("y"))
		for range 2 {
			if err := s.Delete(t.Context(), "blobs/00/gone"); err != nil {
				t.Fatal(err)
			}
			wantAbsent(t, s, "blobs/00/gone")
		}
		wantBlob(t, s, "blobs/00/stays", []byte("y"), nil)
		if err := s.Delete(t.Context(), "blobs/00/stays"); err != nil {
			t.Fatal(err)
		}
	}
}

func deleteReuse(t *testing.T, s blob.Store) {
	sidecars := [][]byte{bytesOf("large", blob.MaxSidecar), nil, []byte("small"), bytesOf("other", 8<<10), nil}
	for i, sidecar := range sidecars {
		data := bytesOf("reuse", 100*i)
		putWith(t, s, "reused", data, sidecar)
		wantBlob(t, s, "reused", data, sidecar)
		if err := s.Delete(t.Context(), "reused"); err != nil {
			t.Fatal(err)
		}
	}
}

func moveOnce(t *testing.T, s blob.Store) {
	for _, sidecar := range [][]byte{nil, []byte("small"), bytesOf("large", blob.MaxSidecar)} {
		putWith(t, s, "blobs/ab/from", []byte("x"), sidecar)
		for _, hop := range [][2]blob.Name{
			{"blobs/ab/from", "trash/ab/to"}, {"trash/ab/to", "new/dir/to"}, {"new/dir/to", "new/dir/same-dir"},
		} {
			if err := s.Move(t.Context(), hop[0], hop[1]); err != nil {
				t.Fatal(err)
			}
			wantAbsent(t, s, hop[0])
			wantBlob(t, s, hop[1], []byte("x"), sidecar)
		}
		if all := list(t, s, "", ""); len(all) != 1 || all[0].Name != "new/dir/same-dir" || all[0].Size != 1 {
			t.Errorf("after the moves the store lists %v", all)
		}
		if err := s.Delete(t.Context(), "new/dir/same-dir"); err != nil {
			t.Fatal(err)
		}
	}
}

func moveRepeated(t *testing.T, s blob.Store) {
	sidecar := bytesOf("large", blob.MaxSidecar)
	putWith(t, s, "from", []byte("x"), sidecar)
	for range 3 {
		if err := s.Move(t.Context(), "from", "to"); err != nil {
			t.Fatal(err)
		}
		wantAbsent(t, s, "from")
		wantBlob(t, s, "to", []byte("x"), sidecar)
	}
}

func moveOnto(t *testing.T, s blob.Store) {
	putWith(t, s, "from", []byte("one"), []byte("s1"))
	putWith(t, s, "to", []byte("two!"), []byte("s2"))
	wantError(t, "Move onto a blob", s.Move(t.Context(), "from", "to"), blob.ErrExists)
	wantBlob(t, s, "from", []byte("one"), []byte("s1"))
	wantBlob(t, s, "to", []byte("two!"), []byte("s2"))
}

func moveSelf(t *testing.T, s blob.Store) {
	putWith(t, s, "self", []byte("one"), []byte("s1"))
	if err := s.Move(t.Context(), "self", "self"); err != nil {
		t.Errorf("Move to itself: %v", err)
	}
	wantBlob(t, s, "self", []byte("one"), []byte("s1"))
	wantError(t, "Move of an absent blob to itself", s.Move(t.Context(), "no", "no"), blob.ErrNotFound)
}

func moveBack(t *testing.T, s blob.Store) {
	sidecar := bytesOf("large", blob.MaxSidecar)
	putWith(t, s, "here", []byte("x"), sidecar)
	for range 3 {
		if err := s.Move(t.Context(), "here", "there"); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, s, "there", []byte("x"), sidecar)
		if err := s.Move(t.Context(), "there", "here"); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, s, "here", []byte("x"), sidecar)
	}
}
