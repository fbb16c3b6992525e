package treepack_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"holdfast/internal/treepack"
)

const (
	vectorFile = "../../testdata/vectors/treepack.json"
	formatsDoc = "../../docs/formats.md"
)

// The vectors are published: other readers of packs test against them. They are written once; a change of any byte of a
// plain stream is a change of the format and needs a new version.
var create = flag.Bool("create-vectors", false, "write the published vectors if the file does not exist")

type vector struct {
	Name    string            `json:"name"`
	Format  string            `json:"object_format"`
	Limit   int64             `json:"part_size"` // bytes; 0 is none
	Trees   map[string]string `json:"trees"`     // id: raw bytes in hex
	Blobs   map[string]string `json:"blobs"`     // id: content in hex
	Part    string            `json:"part"`
	Plain   string            `json:"plain"` // the plain stream in hex
	SHA256  string            `json:"sha256"`
	Files   int32             `json:"files"`
	Blob    string            `json:"blob_name"`
	Pack    string            `json:"pack"`           // in hex; others may have other bytes before the trailer
	Kept    []string          `json:"kept,omitempty"` // directories whose raw trees a directory cannot tell
	Refused bool              `json:"refused,omitempty"`
}

// examples returns the parts of the vectors.
func examples(t *testing.T, f treepack.Format) []vector {
	t.Helper()
	out := []vector{
		example(t, f, "a question", 0, treepack.WholeTree, func(s *store) treepack.ID {
			return s.tree(s.file("info.json", "{}\n"), s.exec("server.py", "pass\n"))
		}),
		example(t, f, "one of everything", 0, treepack.WholeTree, (*store).small),
		example(t, f, "an empty tree", 0, treepack.WholeTree, func(s *store) treepack.ID { return s.tree() }),
		example(t, f, "modes with zeros in front, and a submodule", 0, treepack.WholeTree, func(s *store) treepack.ID {
			module := treepack.Entry{Name: "m", Mode: treepack.ModeSubmodule, ID: treepack.HashObject(s.format, "commit", nil)}
			return s.tree(treepack.Entry{Name: "d", Mode: treepack.ModeDir, ID: s.raw(padded(module, s.file("x", "x")))})
		}),
		example(t, f, "own files of a split tree", 8, treepack.OwnFiles, func(s *store) treepack.ID {
			return s.tree(s.file("big", "ninebytes"), s.file("readme", "small"), s.dir("sub", s.file("x", "x")))
		}),
		example(t, f, "a big blob", 8, treepack.BigBlob, func(s *store) treepack.ID { return s.blob("ninebytes") }),
	}
	forged := out[0]
	forged.Name, forged.Refused = "a byte of a file that another one was", true
	plain := unhex(t, forged.Plain)
	plain[len(plain)-2] ^= 1
	digest := sum(plain)
	forged.Plain, forged.SHA256, forged.Blob = hex.EncodeToString(plain), hex.EncodeToString(digest[:]), ""
	forged.Pack = hex.EncodeToString(recompress(t, plain))
	return append(out, forged)
}

func example(t *testing.T, f treepack.Format, name string, limit int64, kind treepack.PartKind, build func(*store) treepack.ID) vector {
	t.Helper()
	s := newStore(f)
	id := treepack.PartID{Kind: kind, ID: build(s)}
	data, part := pack(t, s, id, treepack.Limits{Part: limit})
	v := vector{
		Name: name, Format: f.String(), Limit: limit, Trees: map[string]string{}, Blobs: map[string]string{}, Part: id.String(),
		Plain: hex.EncodeToString(decompress(t, data)), SHA256: hex.EncodeToString(part.SHA256[:]), Files: part.Files,
		Blob: part.BlobName(), Pack: hex.EncodeToString(data),
	}
	for id, raw := range s.trees {
		v.Trees[id.String()] = hex.EncodeToString(raw)
	}
	for id, content := range s.blobs {
		v.Blobs[id.String()] = hex.EncodeToString(content)
	}
	for path := range unpack(t, data, part).kept {
		v.Kept = append(v.Kept, path)
	}
	return v
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	must(t, err)
	return b
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile(vectorFile)
	if errors.Is(err, os.ErrNotExist) && *create {
		var out []vector
		for _, f := range formats() {
			out = append(out, examples(t, f)...)
		}
		data, err = json.MarshalIndent(out, "", "\t")
		must(t, err)
		must(t, os.WriteFile(vectorFile, append(data, '\n'), 0o644)) //nolint:gosec // published
	} else {
		must(t, err)
	}
	var vectors []vector
	must(t, json.Unmarshal(data, &vectors))
	return vectors
}

func (v vector) source(t *testing.T) (*store, treepack.PartID) {
	t.Helper()
	f, err := treepack.ParseFormat(v.Format)
	must(t, err)
	s := newStore(f)
	for id, raw := range v.Trees {
		if got := s.raw(unhex(t, raw)); got.String() != id {
			t.Errorf("tree %s is called %s", got, id)
		}
	}
	for id, content := range v.Blobs {
		if got := s.blob(string(unhex(t, content))); got.String() != id {
			t.Errorf("blob %s is called %s", got, id)
		}
	}
	id, err := treepack.ParsePartID(v.Part)
	must(t, err)
	return s, id
}

func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	vectors := readVectors(t)
	if len(vectors) < 14 {
		t.Errorf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Format+"/"+v.Name, func(t *testing.T) {
			t.Parallel()
			s, id := v.source(t)
			plain := unhex(t, v.Plain)
			want := treepack.Part{ID: id, SHA256: sum(plain), Plain: int64(len(plain)), Files: v.Files}
			if got := hex.EncodeToString(want.SHA256[:]); got != v.SHA256 {
				t.Errorf("the plain stream has the sum %s; want %s", got, v.SHA256)
			}
			m := newMemory()
			err := treepack.Unpack(bytes.NewReader(unhex(t, v.Pack)), want, m)
			if v.Refused {
				if !errors.Is(err, treepack.ErrCorrupt) {
					t.Errorf("it is accepted: %v", err)
				}
				return
			}
			if err != nil || len(m.kept) != len(v.Kept) {
				t.Errorf("%v, kept are the trees of %q; want %q", err, m.kept, v.Kept)
			}
			data, part := pack(t, s, id, treepack.Limits{Part: v.Limit})
			if got := decompress(t, data); !bytes.Equal(got, plain) || part.BlobName() != v.Blob || part.Files != v.Files {
				t.Errorf("packed %s with the plain stream %x; want %s and %s", part.BlobName(), got, v.Blob, v.Plain)
			}
		})
	}
}

// The example of docs/formats.md is the first vector, of both formats.
func TestTheExampleInTheDocumentIsAVector(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(formatsDoc)
	must(t, err)
	words := strings.Join(strings.Fields(string(text)), "")
	for _, v := range readVectors(t) {
		if v.Name != "a question" {
			continue
		}
		for _, want := range []string{v.Part, v.Plain, v.SHA256, v.Blob} {
			if !strings.Contains(words, want) {
				t.Errorf("%s: the document does not have %s", v.Format, want)
			}
		}
	}
}
