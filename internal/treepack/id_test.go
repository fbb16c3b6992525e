package treepack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// The ids of the empty blob and the empty tree, as git documents them.
func TestIDsAreThoseOfGit(t *testing.T) {
	t.Parallel()
	f := func(format treepack.Format, kind, content, want string) {
		t.Helper()
		if got := treepack.HashObject(format, kind, []byte(content)); got.String() != want || got.Format() != format {
			t.Errorf("%s %s %q: %s; want %s", format, kind, content, got, want)
		}
	}
	f(treepack.SHA1, "blob", "", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391")
	f(treepack.SHA1, "tree", "", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
	f(treepack.SHA256, "blob", "", "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813")
	f(treepack.SHA256, "tree", "", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321")
}

func TestIDsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		id := treepack.HashObject(f, "blob", []byte("x"))
		again, err := treepack.ParseID(id.String())
		if err != nil || again != id {
			t.Errorf("%s is read as %s, %v", id, again, err)
		}
		raw, err := treepack.NewID(f, id.Bytes())
		if err != nil || raw != id || id.Compare(raw) != 0 || len(id.Bytes()) != f.Size() {
			t.Errorf("%s from its bytes is %s, %v", id, raw, err)
		}
		type box struct {
			ID   treepack.ID     `json:"id"`
			None treepack.ID     `json:"none"`
			Part treepack.PartID `json:"part"`
		}
		in := box{ID: id, Part: treepack.PartID{Kind: treepack.OwnFiles, ID: id}}
		text, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var out box
		if err := json.Unmarshal(text, &out); err != nil || out != in {
			t.Errorf("%s is read as %+v, %v", text, out, err)
		}
		if name, err := treepack.ParseFormat(f.String()); err != nil || name != f {
			t.Errorf("%s is read as %s, %v", f, name, err)
		}
	})
}

func TestWhatIsNoIDIsRefused(t *testing.T) {
	t.Parallel()
	forty := strings.Repeat("a", 40)
	for _, text := range []string{"", "abc", forty[1:], forty + "a", strings.ToUpper(forty), forty[1:] + "g", forty[2:] + "é", strings.Repeat("0", 63)} {
		if id, err := treepack.ParseID(text); err == nil || !id.IsZero() || fault.CodeOf(err) != "content_object_id" {
			t.Errorf("%q is the id %s, %v", text, id, err)
		}
	}
	if _, err := treepack.NewID(treepack.SHA256, make([]byte, 20)); err == nil {
		t.Error("20 bytes are a SHA-256 id")
	}
	if _, err := treepack.ParseFormat("md5"); err == nil {
		t.Error("md5 is a format")
	}
	if new(treepack.ID).String() != "" || len(new(treepack.ID).Bytes()) != 0 {
		t.Error("the zero id has digits")
	}
}

func TestPartsAreNamedByKindIDAndSum(t *testing.T) {
	t.Parallel()
	id := treepack.HashObject(treepack.SHA1, "tree", nil)
	part := treepack.Part{ID: treepack.PartID{Kind: treepack.WholeTree, ID: id}, SHA256: [32]byte{0xab, 0xcd, 7: 0x01, 8: 0xff}}
	if got, want := part.BlobName(), "content/v1/4b/t1-4b825dc642cb6eb9a060e54bf8d69288fbee4904-abcd000000000001"; got != want {
		t.Errorf("name %s; want %s", got, want)
	}
	for _, kind := range []treepack.PartKind{treepack.WholeTree, treepack.OwnFiles, treepack.BigBlob} {
		p := treepack.PartID{Kind: kind, ID: id}
		if again, err := treepack.ParsePartID(p.String()); err != nil || again != p {
			t.Errorf("%s is read as %s, %v", p, again, err)
		}
	}
	for _, text := range []string{"", "t1", "t1-", "x1-" + id.String(), "t2-" + id.String(), "t1-" + id.String() + "-", "t1-" + id.String()[1:], id.String()} {
		if p, err := treepack.ParsePartID(text); err == nil {
			t.Errorf("%q is the part %s", text, p)
		}
	}
}
