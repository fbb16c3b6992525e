package treepack_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"holdfast/internal/treepack"
)

// Whatever ParseTree accepts is a tree with different, harmless names, and is written again with the same meaning.
func FuzzParseTree(f *testing.F) {
	for _, format := range formats() {
		s := newStore(format)
		f.Add(s.trees[s.small()], format == treepack.SHA256)
		f.Add(s.trees[s.random(rand.New(rand.NewPCG(1, 1)), 20, 10)], format == treepack.SHA256)
		f.Add(padded(s.file("a", ""), s.dir("b")), format == treepack.SHA256)
	}
	f.Fuzz(func(t *testing.T, raw []byte, long bool) {
		format := treepack.SHA1
		if long {
			format = treepack.SHA256
		}
		entries, err := treepack.ParseTree(format, raw)
		if err != nil {
			if len(entries) != 0 {
				t.Errorf("entries and an error: %v", err)
			}
			return
		}
		names := map[string]bool{}
		for _, e := range entries {
			if err := treepack.CheckName(e.Name); err != nil || names[e.Name] {
				t.Errorf("%q: %v, there before: %v", e.Name, err, names[e.Name])
			}
			names[e.Name] = true
		}
		again := treepack.AppendTree(nil, entries)
		if len(again) > len(raw) || len(again) == len(raw) && !bytes.Equal(again, raw) {
			t.Errorf("%q is written as %q", raw, again)
		}
		back, err := treepack.ParseTree(format, again)
		if err != nil || !equalEntries(back, entries) {
			t.Errorf("%q is read as %v, %v; want %v", again, back, err, entries)
		}
	})
}

func equalEntries(a, b []treepack.Entry) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// Whatever bytes claim to be a pack: Unpack returns, and says yes only to those whose files make the id again. The sum
// is that of the plain bytes, so that the fuzzer reaches what is behind it.
func FuzzUnpack(f *testing.F) {
	for _, format := range formats() {
		s := newStore(format)
		small := s.small()
		big := s.file("big", "0123456789")
		own := s.tree(big, s.file("x", "1"), s.dir("d"))
		for _, id := range []treepack.PartID{
			{Kind: treepack.WholeTree, ID: small}, {Kind: treepack.OwnFiles, ID: own}, {Kind: treepack.BigBlob, ID: big.ID},
		} {
			data, part := pack(f, s, id, treepack.Limits{Part: 5})
			f.Add(decompress(f, data), byte(id.Kind), id.ID.Bytes(), part.Files, true)
			f.Add(data, byte(id.Kind), id.ID.Bytes(), part.Files, false)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, kind byte, raw []byte, files int32, plain bool) {
		format := treepack.SHA1
		if len(raw) == 32 {
			format = treepack.SHA256
		}
		id, err := treepack.NewID(format, raw)
		if err != nil {
			return
		}
		want := treepack.Part{ID: treepack.PartID{Kind: treepack.PartKind(kind), ID: id}, Plain: int64(len(data)), Files: files, SHA256: sum(data)}
		if plain {
			data = treepack.AppendTrailer(frame.EncodeAll(data, nil))
		} else {
			want.Plain *= 8
		}
		m := newMemory()
		if err := treepack.Unpack(bytes.NewReader(data), want, m); err == nil {
			consistent(t, m, want)
		}
	})
}

// consistent packs again what was unpacked: it must be the same part.
func consistent(t *testing.T, m *memory, want treepack.Part) {
	t.Helper()
	if len(m.kept) != 0 || want.ID.Kind != treepack.WholeTree {
		return // kept trees and left out blobs: the ids were verified, and VerifyDir has its own tests
	}
	s := newStore(want.ID.ID.Format())
	tree := s.rebuild(m.files, "")
	if _, part := whole(t, s, tree); part.ID != want.ID || part.SHA256 != want.SHA256 || part.Files != want.Files {
		t.Errorf("unpacked was %+v; want %+v", part, want)
	}
}

// Part ids are read as they are written, and nothing else is read.
func FuzzPartID(f *testing.F) {
	for _, format := range formats() {
		f.Add(treepack.PartID{Kind: treepack.OwnFiles, ID: treepack.HashObject(format, "tree", nil)}.String())
	}
	f.Add("t1-")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := treepack.ParsePartID(text)
		switch {
		case err == nil && id.String() != text:
			t.Errorf("%q is read as %q", text, id)
		case err != nil && id != (treepack.PartID{}):
			t.Errorf("%q is refused (%v) and read as %q", text, err, id)
		}
	})
}
