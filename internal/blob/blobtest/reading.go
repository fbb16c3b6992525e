package blobtest

import (
	"bytes"
	"context"
	"io"
	"testing"

	"holdfast/internal/blob"
)

var reading = []test{
	{"what was never put is absent", readAbsent},
	{"the store reports itself usable", readCheck},
	{"a cancelled context ends a read", readCancelled},
	{"any range is read by seeking", readRanges},
	{"several readers of one blob do not disturb each other", readTwice},
	{"an open blob stays readable after it was deleted", readDeleted},
	{"an open blob stays readable after it was moved", readMoved},
}

func readAbsent(t *testing.T, s blob.Store) {
	for _, name := range []blob.Name{"a", "blobs/00/absent", "blobs/00", "no/such/dir"} {
		wantAbsent(t, s, name)
		if err := s.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete of absent %s: %v", name, err)
		}
		wantError(t, "Move of "+string(name), s.Move(t.Context(), name, "elsewhere"), blob.ErrNotFound)
	}
	if all := list(t, s, "", ""); len(all) != 0 {
		t.Errorf("an empty store lists %v", all)
	}
}

func readCheck(t *testing.T, s blob.Store) {
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	if all := list(t, s, "", ""); len(all) != 0 {
		t.Errorf("Check left %v", all)
	}
}

func readCancelled(t *testing.T, s blob.Store) {
	put(t, s, "x", []byte("x"))
	_, err := s.Open(cancelled(), "x")
	wantError(t, "Open", err, context.Canceled)
	_, err = s.Stat(cancelled(), "x")
	wantError(t, "Stat", err, context.Canceled)
	_, err = s.Sidecar(cancelled(), "x")
	wantError(t, "Sidecar", err, context.Canceled)
	err = s.List(cancelled(), "", "", func(blob.Info) bool { return true })
	wantError(t, "List", err, context.Canceled)
	wantError(t, "Delete", s.Delete(cancelled(), "x"), context.Canceled)
	wantError(t, "Move", s.Move(cancelled(), "x", "y"), context.Canceled)
	wantBlob(t, s, "x", []byte("x"), nil)
}

func readRanges(t *testing.T, s blob.Store) {
	data := bytesOf("ranges", 300<<10)
	put(t, s, "ranges", data)
	b, err := s.Open(t.Context(), "ranges")
	if err != nil {
		t.Fatal(err)
	}
	defer closeBlob(t, b)
	size := int64(len(data))
	for _, r := range [][2]int64{{0, 1}, {0, size}, {1, 99}, {size - 1, 1}, {size / 2, 5000}, {size, 0}, {7, size - 7}} {
		if at, err := b.Seek(r[0], io.SeekStart); err != nil || at != r[0] {
			t.Fatalf("Seek(%d) = %d, %v", r[0], at, err)
		}
		got, err := io.ReadAll(io.LimitReader(b, r[1]))
		if err != nil || !bytes.Equal(got, data[r[0]:r[0]+r[1]]) {
			t.Errorf("range %v: %s, %v", r, brief(got), err)
		}
	}
	if at, err := b.Seek(-10, io.SeekEnd); err != nil || at != size-10 {
		t.Errorf("Seek to ten bytes before the end = %d, %v", at, err)
	}
	if at, err := b.Seek(-5, io.SeekCurrent); err != nil || at != size-15 {
		t.Errorf("Seek five bytes back = %d, %v", at, err)
	}
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, data[size-15:]) {
		t.Errorf("the last 15 bytes: %s, %v", brief(got), err)
	}
	if _, err := b.Seek(-1, io.SeekStart); err == nil {
		t.Error("Seek before the start succeeded")
	}
}

func readTwice(t *testing.T, s blob.Store) {
	data := bytesOf("twice", 10000)
	put(t, s, "twice", data)
	first, err := s.Open(t.Context(), "twice")
	if err != nil {
		t.Fatal(err)
	}
	defer closeBlob(t, first)
	if _, err := io.CopyN(io.Discard, first, 5000); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, s, "twice", data, nil)
	if got, err := io.ReadAll(first); err != nil || !bytes.Equal(got, data[5000:]) {
		t.Errorf("the first reader went on with %s, %v", brief(got), err)
	}
}

func readDeleted(t *testing.T, s blob.Store) {
	stayReadable(t, s, func(name blob.Name) error { return s.Delete(t.Context(), name) })
}

func readMoved(t *testing.T, s blob.Store) {
	stayReadable(t, s, func(name blob.Name) error { return s.Move(t.Context(), name, "trash/00/moved") })
}

func stayReadable(t *testing.T, s blob.Store, remove func(blob.Name) error) {
	t.Helper()
	data := bytesOf("stay", 2<<20)
	put(t, s, "blobs/00/stay", data)
	b, err := s.Open(t.Context(), "blobs/00/stay")
	if err != nil {
		t.Fatal(err)
	}
	defer closeBlob(t, b)
	head := make([]byte, 100)
	if _, err := io.ReadFull(b, head); err != nil {
		t.Fatal(err)
	}
	if err := remove("blobs/00/stay"); err != nil {
		t.Fatal(err)
	}
	wantAbsent(t, s, "blobs/00/stay")
	put(t, s, "blobs/00/stay", []byte("another blob of this name"))
	rest, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(append(head, rest...), data) {
		t.Errorf("the open blob became %s, %v", brief(rest), err)
	}
}
