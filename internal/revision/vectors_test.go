package revision_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

const (
	vectorFile = "../../testdata/vectors/index.json"
	formatsDoc = "../../docs/formats.md"
)

// The vectors are published: other readers of indexes test against them. They are written once; a change of any byte of a
// plain form is a change of the format and needs a new version.
var create = flag.Bool("create-vectors", false, "write the published vectors if the file does not exist")

// vector is an index with every step from the key to the signed bytes.
type vector struct {
	Name   string   `json:"name"`
	Format string   `json:"object_format"`
	Seed   string   `json:"seed"`   // of the Ed25519 key, in hex
	Public string   `json:"public"` // the public key
	Plain  string   `json:"plain"`  // the plain form
	Signed string   `json:"signed"` // the whole index; other compressors make other bytes behind the magic
	Chunks []string `json:"chunks"` // keys
	Parts  []string `json:"parts"`  // names under which the packs are stored
}

func example(t *testing.T, name string, ix *revision.Index) vector {
	t.Helper()
	for _, p := range ix.Parts() {
		p.Packed = 100 // it depends on the compressor
		ix.Fill(p)
	}
	v := vector{
		Name: name, Format: ix.Root.Format().String(), Seed: hex.EncodeToString(signer().Seed()), Public: hex.EncodeToString(public(signer())),
		Plain: hex.EncodeToString(revision.AppendPlain(ix)), Signed: hex.EncodeToString(encode(t, ix)), Chunks: keys(ix),
	}
	for _, p := range ix.Parts() {
		v.Parts = append(v.Parts, p.BlobName())
	}
	return v
}

// examples returns the indexes of the vectors: one question, and one of everything.
func examples(t *testing.T) []vector {
	t.Helper()
	var out []vector
	for _, f := range []treepack.Format{treepack.SHA1, treepack.SHA256} {
		r := newRepo(f)
		one := r.buildAs(t, fixed(), files{"questions/a/info.json": "{}\n"}, revision.BuildOptions{})
		one.Source, one.Seq, one.Commit = "demo", 1, treepack.HashObject(f, "commit", nil)
		out = append(out, example(t, "one question", one), example(t, "one of everything", full(t, r)))
	}
	return out
}

func readVectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile(vectorFile)
	if errors.Is(err, os.ErrNotExist) && *create {
		data, err = json.MarshalIndent(examples(t), "", "\t")
		if err == nil {
			err = os.WriteFile(vectorFile, append(data, '\n'), 0o644) //nolint:gosec // published
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	vectors := readVectors(t)
	now := examples(t)
	if len(vectors) != len(now) {
		t.Fatalf("%d vectors; want %d", len(vectors), len(now))
	}
	for i, v := range vectors {
		key := ed25519.NewKeyFromSeed(unhex(t, v.Seed))
		if v.Public != hex.EncodeToString(public(key)) {
			t.Errorf("%s: public key %s", v.Name, v.Public)
		}
		ix, err := revision.Decode(unhex(t, v.Signed), public(key))
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if !bytes.Equal(revision.AppendPlain(ix), unhex(t, v.Plain)) {
			t.Errorf("%s: what is read has another plain form", v.Name)
		}
		expect(t, v.Name, keys(ix), v.Chunks...)
		if now[i].Plain != v.Plain || now[i].Name != v.Name {
			t.Errorf("%s: the same tree has another plain form today:\n%s\nwant\n%s", v.Name, now[i].Plain, v.Plain)
		}
		expect(t, v.Name+", parts", now[i].Parts, v.Parts...)
	}
}

// The example in the documentation is the first vector.
func TestTheDocumentedExampleIsAVector(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(formatsDoc)
	if err != nil {
		t.Fatal(err)
	}
	v := readVectors(t)[0]
	_, section, _ := strings.Cut(string(doc), "\n## Indexes of content")
	section, _, _ = strings.Cut(section, "\n## ")
	var digits strings.Builder
	for line := range strings.Lines(section) {
		if hexes, _, ok := strings.Cut(strings.TrimPrefix(line, "    "), "  "); ok && strings.HasPrefix(line, "    ") {
			if _, err := hex.DecodeString(hexes); err == nil {
				digits.WriteString(hexes)
			}
		}
	}
	if digits.String() != v.Plain {
		t.Errorf("the example in %s is\n%s\nwant\n%s", formatsDoc, digits.String(), v.Plain)
	}
	if !strings.Contains(section, v.Public) {
		t.Errorf("the example in %s does not have the public key %s", formatsDoc, v.Public)
	}
}
