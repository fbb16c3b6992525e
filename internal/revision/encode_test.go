package revision_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// signer is a key of the tests.
func signer() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey {
	pub, _ := key.Public().(ed25519.PublicKey)
	return pub
}

// fixed is a preset that stays as it is, so that published indexes do.
func fixed() revision.Preset {
	return revision.Preset{Chunks: []revision.Rule{
		{Name: "elements", Path: "elements", Whole: true},
		{Name: "serverFilesCourse", Path: "serverFilesCourse", Whole: true},
		{Name: "clientFilesCourseInstance", Path: "courseInstances/{instance...}/clientFilesCourseInstance"},
		{Name: "question", Path: "questions/{id...}", Marker: []string{"info.json"}, Requires: []revision.Require{
			{File: "info.json", Field: "template", Chunk: "question:{}"},
		}},
		{Name: "thumbnails", Gather: []string{"questions/{id...}/thumbnail.*"}},
	}}
}

// full is an index with everything in it that an index can have.
func full(t testing.TB, r *repo) *revision.Index {
	t.Helper()
	limits := treepack.Limits{Part: 64}
	f := small().with(files{
		"serverFilesCourse/big/one": strings.Repeat("1", 100), "serverFilesCourse/big/two": "2",
		"questions/bad/info.json": "{}", "questions/bad/Info.json": "",
	})
	before := r.buildAs(t, fixed(), f, revision.BuildOptions{Limits: limits})
	ix := r.buildAs(t, fixed(), f.with(files{"questions/bad/x": "sub:x", "questions/worse/info.json": "{}", "questions/worse/l": "link:/"}),
		revision.BuildOptions{Limits: limits, Previous: before})
	ix.Source, ix.Seq, ix.Commit = "physics", 42, treepack.HashObject(r.format, "commit", []byte("42"))
	return ix
}

func encode(t testing.TB, ix *revision.Index) []byte {
	t.Helper()
	data, err := ix.Encode(signer())
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return data
}

func TestAnIndexIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		ix := full(t, r)
		got, err := revision.Decode(encode(t, ix), public(signer()))
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if !bytes.Equal(revision.AppendPlain(got), revision.AppendPlain(ix)) {
			t.Error("the index that was read differs")
		}
		if got.Source != "physics" || got.Seq != 42 || got.Commit != ix.Commit || got.Root != ix.Root || got.Preset != ix.Preset {
			t.Errorf("read %s %d %s", got.Source, got.Seq, got.Commit)
		}
		expect(t, "chunks", keys(got), keys(ix)...)
		expect(t, "rejected", verdicts(got.Rejected), verdicts(ix.Rejected)...)
		bad, _ := got.Chunk("question:bad")
		split, _ := got.Chunk("serverFilesCourse")
		thumbs, _ := got.Chunk("thumbnails")
		if !bad.Kept || !split.Whole || len(split.Pieces) < 3 || len(thumbs.Gathered) != 2 || len(got.Warned) == 0 || len(got.Dirs) == 0 {
			t.Errorf("read %+v, %+v, %+v, warned %v, %d directories", bad, split, thumbs, got.Warned, len(got.Dirs))
		}
		// What was read saves as much work as what was written.
		r.count()
		again, err := revision.Build(t.Context(), r, ix.Root, fixed(), revision.BuildOptions{Limits: treepack.Limits{Part: 64}, Previous: got})
		if err != nil || len(again.Unpacked()) > 0 {
			t.Errorf("built on it: %v, %v to pack", err, again.Unpacked())
		}
	})
}

// An index of no source, revision or chunk is one, too.
func TestAnEmptyIndexCanBeWritten(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	ix := r.build(t, files{"README": ""}, revision.BuildOptions{})
	ix.Commit = ix.Root
	if got, err := revision.Decode(encode(t, ix), public(signer())); err != nil || len(got.Chunks) != 0 {
		t.Errorf("decode: %v", err)
	}
}

func TestAnIndexIsNotWrittenBeforeItsPartsArePacked(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	ix, err := revision.Build(t.Context(), r, r.put(small()), course(), revision.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ix.Commit = ix.Root
	if _, err := ix.Encode(signer()); err == nil || !strings.Contains(err.Error(), "11 parts have not been packed") {
		t.Errorf("encode: %v", err)
	}
	r.pack(t, ix, treepack.Limits{})
	if len(ix.Parts()) != 11 { // two of the twelve chunks have one tree
		t.Errorf("%d parts; want 11", len(ix.Parts()))
	}
	if _, err := ix.Encode(nil); err == nil {
		t.Error("an index is signed without a key")
	}
	ix.Seq = -1
	if _, err := ix.Encode(signer()); err == nil {
		t.Error("an index of a negative number is written")
	}
}

// A caller may take chunks out and say why (a purge), in any order, before and after parts are filled in.
func TestChunksCanBeTakenOutBeforeAnIndexIsWritten(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	ix := full(t, r)
	for _, key := range []string{"question:lever", "question:a/b", "elements"} {
		i := slices.IndexFunc(ix.Chunks, func(c revision.Chunk) bool { return c.Key == key })
		ix.Rejected = append(ix.Rejected, revision.Rejection{Key: key, Dir: ix.Chunks[i].Path, Path: ix.Chunks[i].Path, Code: "content_purged", Reason: "gone"})
		ix.Chunks = slices.Delete(ix.Chunks, i, i+1)
		for _, p := range ix.Parts() {
			p.Packed++
			ix.Fill(p)
		}
	}
	got, err := revision.Decode(encode(t, ix), public(signer()))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if _, ok := got.Chunk("elements"); ok || !slices.ContainsFunc(got.Rejected, func(r revision.Rejection) bool { return r.Key == "elements" }) {
		t.Errorf("chunks %q, rejected %v", keys(got), got.Rejected)
	}
	for i, p := range got.Parts() {
		if p != ix.Parts()[i] || p.Packed < 4 {
			t.Errorf("part %+v; want %+v", p, ix.Parts()[i])
		}
	}
}

// Not one changed byte gets through, and nothing is unpacked that was not signed.
func TestAChangedIndexIsRefused(t *testing.T) {
	t.Parallel()
	data := encode(t, full(t, newRepo(treepack.SHA1)))
	pub := public(signer())
	for i := 0; i < len(data); i += 1 + i/100 {
		changed := bytes.Clone(data)
		changed[i] ^= byte(1 + i%255)
		want := error(revision.ErrSignature)
		if i < 8 {
			want = revision.ErrIndex
		}
		if _, err := revision.Decode(changed, pub); !errors.Is(err, want) {
			t.Fatalf("byte %d changed: %v; want %v", i, err, want)
		}
		if _, err := revision.Decode(data[:i], pub); err == nil {
			t.Fatalf("cut at %d: it was read", i)
		}
	}
	if _, err := revision.Decode(append(bytes.Clone(data), 0), pub); !errors.Is(err, revision.ErrSignature) {
		t.Errorf("with a byte more: %v", err)
	}
	other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	if _, err := revision.Decode(data, public(other)); !errors.Is(err, revision.ErrSignature) {
		t.Errorf("with another key: %v", err)
	}
	if _, err := revision.Decode(data, nil); err == nil {
		t.Error("without a key: it was read")
	}
}

// Whoever has the key by accident still does not fill our memory.
func TestADecompressionBombIsRefused(t *testing.T) {
	t.Parallel()
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	frame := enc.EncodeAll(make([]byte, 300<<20), nil)
	signed := append([]byte("HFINDEX1"), ed25519.Sign(signer(), append([]byte("HFINDEX1"), frame...))...)
	if _, err := revision.Decode(append(signed, frame...), public(signer())); !errors.Is(err, revision.ErrIndex) {
		t.Errorf("300 MiB of zeros: %v", err)
	}
	if _, err := revision.Decode(make([]byte, 65<<20), public(signer())); !errors.Is(err, revision.ErrIndex) {
		t.Errorf("65 MiB: %v", err)
	}
}

// Of each index there is one form: changed bytes are refused or are another index, never the same one.
func TestThePlainFormIsCanonical(t *testing.T) {
	t.Parallel()
	plain := revision.AppendPlain(full(t, newRepo(treepack.SHA1)))
	rng := rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 8_000 {
		changed := bytes.Clone(plain)
		for range 1 + rng.IntN(3) {
			changed[rng.IntN(len(changed))] = byte(rng.Uint32())
		}
		if checkPlain(t, changed) {
			read++
		}
	}
	if read == 0 {
		t.Error("no change was read: the test shows nothing")
	}
}

// checkPlain reports whether the bytes are an index, which then has no other form.
func checkPlain(t *testing.T, plain []byte) bool {
	t.Helper()
	ix, err := revision.DecodePlain(plain)
	if err != nil {
		if !errors.Is(err, revision.ErrIndex) {
			t.Fatalf("an error without code: %v", err)
		}
		return false
	}
	if again := revision.AppendPlain(ix); !bytes.Equal(again, plain) {
		t.Fatalf("%x is read as the index %x", plain, again)
	}
	ix.Overlay(newRepo(ix.Root.Format()))
	ix.Locate("questions/a/b/c")
	_, _, _ = ix.Closure(course(), []string{"all", "render:a/b"})
	return true
}

func FuzzDecodePlain(f *testing.F) {
	for _, format := range []treepack.Format{treepack.SHA1, treepack.SHA256} {
		f.Add(revision.AppendPlain(full(f, newRepo(format))))
	}
	f.Fuzz(func(t *testing.T, plain []byte) { checkPlain(t, plain) })
}

func FuzzDecode(f *testing.F) {
	data := encode(f, full(f, newRepo(treepack.SHA1)))
	f.Add(data, false)
	f.Add(data[72:], true)
	f.Fuzz(func(t *testing.T, data []byte, sign bool) {
		if sign { // past the signature, to the decompressor
			data = append(append([]byte("HFINDEX1"), ed25519.Sign(signer(), append([]byte("HFINDEX1"), data...))...), data...)
		}
		ix, err := revision.Decode(data, public(signer()))
		if err == nil {
			checkPlain(t, revision.AppendPlain(ix))
		}
	})
}
