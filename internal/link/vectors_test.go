package link_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/link"
	"holdfast/internal/secret"
)

const vectorFile = "../../testdata/vectors/link.json"

// The vectors are published: other languages test against them. They are written once; a change of any byte is a change
// of the format and needs a new version.
var create = flag.Bool("create-vectors", false, "write the published vectors if the file does not exist")

type vectorKey struct {
	Text   string `json:"text"`
	ID     string `json:"id"`
	Bucket string `json:"bucket"`
	Epoch  int64  `json:"epoch"`
	Secret string `json:"secret"`
}

type vector struct {
	Name       string    `json:"name"`
	Purpose    string    `json:"purpose"`
	Key        vectorKey `json:"key"`
	Now        int64     `json:"now"`    // Unix seconds at signing
	TTL        int64     `json:"ttl"`    // seconds
	Window     int64     `json:"window"` // seconds
	Blob       string    `json:"blob,omitempty"`
	ObjectKey  string    `json:"object_key,omitempty"`
	Slot       string    `json:"slot,omitempty"`
	MaxSize    int64     `json:"max_size,omitempty"`
	Type       string    `json:"type,omitempty"` // media type override of a get, allowed type of a put
	Attachment bool      `json:"attachment,omitempty"`
	Shared     bool      `json:"shared,omitempty"`
	Session    string    `json:"session,omitempty"`
	Download   string    `json:"download_name,omitempty"`

	Expires    int64  `json:"expires"`
	DerivedKey string `json:"derived_key"` // hex
	Message    string `json:"message"`     // the signed bytes; UTF-8
	Path       string `json:"path"`
	Query      string `json:"query,omitempty"` // value of hf
}

type refusal struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Now     int64  `json:"now"`
	Session string `json:"session,omitempty"`
	Answer  string `json:"answer"` // code
}

type vectors struct {
	About   string    `json:"about"`
	Valid   []vector  `json:"valid"`
	Refused []refusal `json:"refused"`
}

func makeKey(t testing.TB, v vectorKey) *link.Key {
	t.Helper()
	k, err := link.NewKey(v.ID, v.Bucket, v.Epoch, secret.New(v.Secret))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func photosKey() vectorKey {
	return vectorKey{ID: "k1photos", Bucket: "photos", Epoch: 1, Secret: "oobarbazquuxoobarbazquuxoobarbazquuxoobarbazquuxoobar"}
}

func inputs() []vector {
	papers := vectorKey{ID: "a0", Bucket: "journal.papers-2", Epoch: 42, Secret: "mzxw6ytboi2gk3tdmvsgk3tdmvsgk3td"}
	base := vector{
		Purpose: "get", Key: photosKey(), Now: 1767225601, TTL: 3600, Window: 900,
		Blob: "000102030405060708090a0b0c0d0e0f", Download: "cat.jpg",
	}
	f := func(name string, change func(v *vector)) vector {
		v := base
		v.Name = name
		change(&v)
		return v
	}
	return []vector{
		f("get plain", func(*vector) {}),
		f("get attachment", func(v *vector) { v.Attachment = true }),
		f("get media type", func(v *vector) { v.Type = "image/webp" }),
		f("get shared", func(v *vector) { v.Shared = true }),
		f("get session", func(v *vector) { v.Session = "s%3Aabc.def=" }),
		f("get name with space, percent and umlaut", func(v *vector) { v.Download = "Prüfung 100% (2).pdf" }),
		f("get other key, everything", func(v *vector) {
			v.Key, v.Attachment, v.Type, v.Session = papers, true, "application/vnd.ms-excel", "é"
			v.Blob, v.Download = "fedcba9876543210fedcba9876543210", "日本語.xls"
		}),
		f("get on a window's edge", func(v *vector) { v.Now = 1767225600 }),
		f("get without window", func(v *vector) { v.Window = 1 }),
		f("put plain", func(v *vector) {
			v.Purpose, v.Blob, v.Download, v.ObjectKey, v.Slot = "put", "", "", "in/2026/cat.jpg", "0123456789abcdef0123456789abcdef"
		}),
		f("put limited, session", func(v *vector) {
			v.Purpose, v.Blob, v.Download, v.ObjectKey, v.Slot = "put", "", "", "Entwürfe/v 1.pdf", "s1"
			v.Key, v.MaxSize, v.Type, v.Session = papers, 16777216, "application/*", "cookie"
		}),
	}
}

func fill(t testing.TB, v vector) vector {
	t.Helper()
	k := makeKey(t, v.Key)
	exp := link.Expiry(time.Unix(v.Now, 0), time.Duration(v.TTL)*time.Second, time.Duration(v.Window)*time.Second)
	v.Key.Text, v.Expires = k.Text().Reveal(), exp.Unix()
	var err error
	if v.Purpose == "put" {
		p := link.Put{Key: v.ObjectKey, Slot: v.Slot, Expires: exp, MaxSize: v.MaxSize, Type: v.Type, Session: v.Session}
		v.Path, err = k.SignPut(p)
		v.DerivedKey, v.Message = link.PutInternals(k, p)
	} else {
		g := link.Get{
			Blob: v.Blob, Name: v.Download, Expires: exp, Attachment: v.Attachment,
			MediaType: v.Type, Shared: v.Shared, Session: v.Session,
		}
		v.Path, err = k.SignGet(g)
		if err == nil {
			v.Query, err = k.SignGetQuery(g)
		}
		v.DerivedKey, v.Message = link.GetInternals(k, g)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func makeVectors(t testing.TB) vectors {
	t.Helper()
	out := vectors{About: "Signed links of Holdfast, version holdfast-link-1; docs/formats.md explains every field. " +
		"The keys are examples and open nothing."}
	for _, v := range inputs() {
		out.Valid = append(out.Valid, fill(t, v))
	}
	plain := out.Valid[0]
	out.Refused = refusals(plain, out.Valid[4])
	return out
}

func TestVectorsArePinned(t *testing.T) {
	t.Parallel()
	want, err := json.MarshalIndent(makeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	got, err := os.ReadFile(vectorFile)
	if errors.Is(err, os.ErrNotExist) && *create {
		got, err = want, os.WriteFile(vectorFile, want, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the code and the published vectors differ: the format of links is a promise, do not change it")
	}
}

func TestEveryPublishedVectorVerifiesAsItSays(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, v := range all.Valid {
		k := makeKey(t, v.Key)
		if err := verifyPath(k, v.Path, v.Session, v.Now); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if err := verifyPath(k, v.Path, v.Session, v.Expires); !errors.Is(err, link.ErrExpired) {
			t.Errorf("%s after its end: %v", v.Name, err)
		}
		if v.Query == "" {
			continue
		}
		l, err := link.ParseGetQuery(v.Query, v.Download)
		if err != nil || k.VerifyGet(l, v.Session, time.Unix(v.Now, 0)) != nil {
			t.Errorf("%s: query form refused", v.Name)
		}
	}
	k := makeKey(t, photosKey())
	for _, r := range all.Refused {
		if err := verifyPath(k, r.Path, r.Session, r.Now); fault.CodeOf(err) != r.Answer {
			t.Errorf("%s: got %v, want %s", r.Name, err, r.Answer)
		}
	}
}

func verifyPath(k *link.Key, path, session string, now int64) error {
	if len(path) > 3 && path[:3] == link.PutPrefix {
		l, err := link.ParsePut(path)
		if err != nil {
			return err
		}
		return k.VerifyPut(l, session, time.Unix(now, 0))
	}
	l, err := link.ParseGet(path)
	if err != nil {
		return err
	}
	return k.VerifyGet(l, session, time.Unix(now, 0))
}

// The page that explains the format shows the first vector in full.
func TestTheDocumentShowsTheFirstVector(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	v := makeVectors(t).Valid[0]
	for _, part := range []string{v.Key.Text, v.DerivedKey, v.Message, v.Path} {
		if !bytes.Contains(page, []byte(part)) {
			t.Errorf("docs/formats.md misses %s", part)
		}
	}
}
