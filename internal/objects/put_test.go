package objects_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"holdfast/internal/objects"
)

func TestAnObjectIsReadAsItWasWritten(t *testing.T) { // S0-30
	t.Parallel()
	_, x := running(t)
	text := "%PDF-1.4 " + randomText(100_000)
	made := put(t, x, "a/b.pdf", text, func(p *objects.Put) {
		p.Headers = objects.Headers{ContentType: "application/pdf", User: map[string]string{"author": "ä"}}
		p.Tags = map[string]string{"k": "v"}
	})
	o, err := x.Head(t.Context(), ref("a/b.pdf"))
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte(text)) //nolint:gosec // see import
	switch {
	case o.ETag != hex.EncodeToString(sum[:]), o.Size != int64(len(text)), o.Generation != made.Generation, o.Blob != made.Blob:
		t.Errorf("%+v", o)
	case o.Headers.User["author"] != "ä", o.Headers.ContentType != "application/pdf", o.Tags["k"] != "v":
		t.Errorf("%+v", o)
	case o.Sniffed != "application/pdf", !o.Latest, !o.NullID, !o.Created.Equal(made.Created), len(o.Digests.SHA256) != 32:
		t.Errorf("%+v", o)
	}
	if got := contents(t, x, o); got != text {
		t.Errorf("%d bytes differ", len(got))
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	_, err := x.Head(t.Context(), ref("nope"))
	want(t, err, objects.ErrNoSuchKey)
	_, err = x.Head(t.Context(), objects.Ref{Bucket: "nope", Key: "k"})
	want(t, err, objects.ErrNoSuchBucket)
	_, err = x.Head(t.Context(), objects.Ref{Bucket: "bucket", Key: "k", Generation: 7})
	want(t, err, objects.ErrNoSuchVersion)
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("got %v, want %v", err, target)
	}
}

func TestPutsAreRefusedByTheirConditions(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	first := put(t, x, "k", "text")
	size := int64(4)
	for _, c := range []struct {
		name string
		cond objects.Condition
		key  string
		err  error
	}{
		{"IfMatch holds", objects.Condition{IfMatch: first.ETag}, "k", nil},
		{"IfMatch any holds", objects.Condition{IfMatch: "*"}, "k", nil},
		{"IfMatch fails", objects.Condition{IfMatch: "x"}, "k", objects.ErrPrecondition},
		{"IfMatch of nothing", objects.Condition{IfMatch: first.ETag}, "absent", objects.ErrNoSuchKey},
		{"IfMatch any of nothing", objects.Condition{IfMatch: "*"}, "absent", objects.ErrNoSuchKey},
		{"IfNoneMatch any", objects.Condition{IfNoneMatch: "*"}, "k", objects.ErrPrecondition},
		{"IfNoneMatch other", objects.Condition{IfNoneMatch: "x"}, "k", nil},
		{"IfNoneMatch same", objects.Condition{IfNoneMatch: first.ETag}, "k", objects.ErrPrecondition},
		{"IfUnmodifiedSince now", objects.Condition{IfUnmodifiedSince: time.Now().Add(time.Minute)}, "k", nil}, // the cases above wrote it anew
		{"IfUnmodifiedSince yesterday", objects.Condition{IfUnmodifiedSince: time.Now().AddDate(0, 0, -1)}, "k", objects.ErrPrecondition},
		{"IfSize holds", objects.Condition{IfSize: &size}, "k", nil},
		{"IfSize fails", objects.Condition{IfSize: new(int64)}, "k", objects.ErrPrecondition},
	} {
		for _, announced := range []int64{4, -1} { // the second is asked for beforehand, too
			_, err := tryPut(x, c.key, "text", func(p *objects.Put) { p.Condition, p.Size = c.cond, announced })
			if c.err == nil && err != nil || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%s, size %d: %v, want %v", c.name, announced, err, c.err)
			}
		}
	}
}

func TestDeletesAreRefusedByTheirConditions(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	first := put(t, x, "k", "text")
	want(t, del(t, x, ref("k"), objects.Condition{IfMatch: "x"}).Err, objects.ErrPrecondition)
	want(t, del(t, x, ref("k"), objects.Condition{IfSize: new(int64)}).Err, objects.ErrPrecondition)
	if d := del(t, x, ref("k"), objects.Condition{IfMatch: first.ETag}); d.Err != nil || !d.Found {
		t.Errorf("%+v", d)
	}
	if d := del(t, x, ref("k"), objects.Condition{IfMatch: first.ETag}); d.Err != nil || d.Found {
		t.Errorf("of nothing: %+v", d)
	}
}

// Row E-15: limits of a bucket on size and type.
func TestABucketRefusesWhatIsTooLargeOrOfAnotherType(t *testing.T) {
	t.Parallel()
	w, x := running(t, objects.Bucket{Name: "bucket", MaxSize: 1000, AllowedTypes: []string{"image/*", "application/pdf"}})
	png := "\x89PNG\r\n\x1a\n" + strings.Repeat("\x00", 100)
	for _, c := range []struct {
		name, text string
		size       int64
		err        error
		unread     bool // refused before a byte is read
	}{
		{"png", png, int64(len(png)), nil, false},
		{"pdf", "%PDF-1.4", 8, nil, false},
		{"html", "<html><script>alert(1)</script></html>", 38, objects.ErrTypeNotAllowed, false},
		{"large, announced", png + randomText(1000), int64(len(png)) + 1000, objects.ErrTooLarge, true},
		{"large, not announced", png + randomText(1000), -1, objects.ErrTooLarge, false},
		{"html, long", "<html>" + strings.Repeat(" ", 900), 906, objects.ErrTypeNotAllowed, false},
		{"empty", "", 0, objects.ErrTypeNotAllowed, false},
	} {
		body := &countingReader{text: c.text}
		_, err := tryPut(x, c.name, "", func(p *objects.Put) { p.Body, p.Size = body, c.size })
		if c.err == nil && err != nil || c.err != nil && !errors.Is(err, c.err) || c.unread && body.n > 0 {
			t.Errorf("%s: %v after %d bytes", c.name, err, body.n)
		}
	}
	if n := count(t, w, ""); n != 2 {
		t.Errorf("%d blobs", n)
	}
}

type countingReader struct {
	text string
	n    int
}

func (r *countingReader) Read(p []byte) (int, error) {
	if r.n == len(r.text) {
		return 0, io.EOF
	}
	n := copy(p, r.text[r.n:])
	r.n += n
	return n, nil
}

func TestAnErrorOfTheBodyComesBackUnchangedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	mine := errors.New("digest differs")
	_, err := tryPut(x, "k", "", func(p *objects.Put) {
		p.Body, p.Size = io.MultiReader(strings.NewReader("some bytes"), iotest.ErrReader(mine)), -1
	})
	if err != mine { //nolint:errorlint // unchanged is what is promised
		t.Errorf("%v", err)
	}
	_, err = x.Head(t.Context(), ref("k"))
	want(t, err, objects.ErrNoSuchKey)
	if n := count(t, w, ""); n != 0 {
		t.Errorf("%d blobs", n)
	}
}

// hashing is a body that computes a digest itself.
type hashing struct {
	io.Reader
	md5, sha256 []byte
}

func (h hashing) MD5() []byte    { return h.md5 }
func (h hashing) SHA256() []byte { return h.sha256 }

func TestADigestThatTheBodyComputesIsNotComputedAgain(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	text := "text"
	sum := bytes.Repeat([]byte{7}, 16)
	o := put(t, x, "k", text, func(p *objects.Put) {
		p.Body = hashing{strings.NewReader(text), sum, nil}
		p.Checksum = func() (string, []byte) { return "CRC32", []byte{1, 2, 3, 4} }
	})
	if o.ETag != hex.EncodeToString(sum) {
		t.Errorf("ETag %s", o.ETag)
	}
	if got := sha256.Sum256([]byte(text)); !bytes.Equal(o.Digests.SHA256, got[:]) {
		t.Errorf("SHA-256 %x", o.Digests.SHA256)
	}
	o, err := x.Head(t.Context(), ref("k"))
	if err != nil || o.Digests.Algorithm != "CRC32" || !bytes.Equal(o.Digests.Checksum, []byte{1, 2, 3, 4}) {
		t.Errorf("%+v, %v", o.Digests, err)
	}
}

func TestKeysAndMetadataThatPostgreSQLCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	_, x := running(t)
	for _, key := range []string{"", "a\x00b", "\xff", strings.Repeat("x", 1025)} {
		_, err := tryPut(x, key, "text")
		want(t, err, objects.ErrKeyInvalid)
		_, err = x.Head(t.Context(), ref(key))
		want(t, err, objects.ErrNoSuchKey)
		if d := del(t, x, ref(key)); d.Err != nil || d.Found {
			t.Errorf("delete %q: %+v", key, d)
		}
	}
	for _, value := range []string{"a\x00b", "\xff"} {
		_, err := tryPut(x, "k", "text", func(p *objects.Put) { p.Headers.User = map[string]string{"a": value} })
		want(t, err, objects.ErrMetadataInvalid)
		_, err = tryPut(x, "k", "text", func(p *objects.Put) { p.Headers.ContentType = value })
		want(t, err, objects.ErrMetadataInvalid)
		_, err = tryPut(x, "k", "text", func(p *objects.Put) { p.Tags = map[string]string{"a": value} })
		want(t, err, objects.ErrMetadataInvalid)
	}
	_, err := tryPut(x, "k", "text", func(p *objects.Put) { p.Headers.User = map[string]string{"a": strings.Repeat("x", 9000)} })
	want(t, err, objects.ErrMetadataTooLarge)
	odd := map[string]string{"back": `\u0000 \ufffd`, "real": "\uFFFD", "html": "<&>"}
	put(t, x, "k", "text", func(p *objects.Put) { p.Headers.User, p.Tags = odd, odd })
	o, err := x.Head(t.Context(), ref("k"))
	if err != nil || !maps.Equal(o.Headers.User, odd) || !maps.Equal(o.Tags, odd) {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestTagsAndACLChangeWithoutANewVersion(t *testing.T) {
	t.Parallel()
	_, x := running(t, objects.Bucket{Name: "bucket", Versioning: objects.VersioningEnabled})
	old := put(t, x, "k", "old")
	now := put(t, x, "k", "now")
	oldRef := objects.Ref{Bucket: "bucket", Key: "k", Generation: old.Generation}
	for _, r := range []objects.Ref{ref("k"), oldRef} {
		if err := x.SetTags(t.Context(), r, map[string]string{"of": fmt.Sprint(r.Generation)}); err != nil {
			t.Fatal(err)
		}
		if err := x.SetPublic(t.Context(), r, true); err != nil {
			t.Fatal(err)
		}
		o, err := x.Head(t.Context(), r)
		if err != nil || o.Tags["of"] != fmt.Sprint(r.Generation) || !o.Public {
			t.Errorf("%+v, %v", o, err)
		}
	}
	if o, _ := x.Head(t.Context(), ref("k")); o.Generation != now.Generation {
		t.Errorf("a new version: %+v", o)
	}
	want(t, x.SetTags(t.Context(), ref("nope"), nil), objects.ErrNoSuchKey)
	want(t, x.SetTags(t.Context(), objects.Ref{Bucket: "bucket", Key: "k", Generation: 1 << 40}, nil), objects.ErrNoSuchVersion)
	want(t, x.SetTags(t.Context(), objects.Ref{Bucket: "nope", Key: "k"}, nil), objects.ErrNoSuchBucket)
}

func TestTheSidecarTellsWhatTheRowTells(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	o := put(t, x, "ä <b>", "text", func(p *objects.Put) {
		p.Headers = objects.Headers{ContentType: "text/plain", User: map[string]string{"a": "b"}}
		p.Checksum = func() (string, []byte) { return "CRC32", []byte{1, 2, 3, 4} }
		p.ExpiresAt = time.Now().Add(time.Hour).Truncate(time.Microsecond)
	})
	text, err := w.blobs.Sidecar(t.Context(), o.Blob.BlobName())
	if err != nil {
		t.Fatal(err)
	}
	side, err := objects.DecodeSidecar(text)
	if err != nil {
		t.Fatal(err)
	}
	head, err := x.Head(t.Context(), ref("ä <b>"))
	if err != nil {
		t.Fatal(err)
	}
	again := side.Object(o.Blob)
	again.Generation, again.Latest, again.NullID = head.Generation, head.Latest, head.NullID
	if a, b := fmt.Sprintf("%+v", utc(again)), fmt.Sprintf("%+v", utc(head)); a != b {
		t.Errorf("sidecar %s\nrow     %s", a, b)
	}
}

func utc(o objects.Object) objects.Object {
	o.Created, o.ExpiresAt = o.Created.UTC(), o.ExpiresAt.UTC()
	return o
}

func TestACopyKeepsWhatItShall(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	src := put(t, x, "a", "text", func(p *objects.Put) {
		p.Checksum = func() (string, []byte) { return "CRC32", []byte{1, 2, 3, 4} }
	})
	o, err := x.Copy(t.Context(), src, objects.Put{Bucket: "bucket", Key: "b", Headers: objects.Headers{ContentType: "x/y"}})
	if err != nil || o.ETag != src.ETag || o.Digests.Algorithm != "CRC32" || o.Blob == src.Blob || o.Headers.ContentType != "x/y" {
		t.Fatalf("%+v, %v", o, err)
	}
	if got := read(t, x, ref("b")); got != "text" {
		t.Errorf("%q", got)
	}
	o, err = x.Copy(t.Context(), src, objects.Put{
		Bucket: "bucket", Key: "c", Checksum: func() (string, []byte) { return "SHA256", nil },
	})
	if sum := sha256.Sum256([]byte("text")); err != nil || !bytes.Equal(o.Digests.Checksum, sum[:]) {
		t.Errorf("%+v, %v", o.Digests, err)
	}
	if got := read(t, x, ref("c")); got != "text" {
		t.Errorf("%q", got)
	}
	del(t, x, ref("a"))
	eventually(t, "the source in the trash", func() bool { return count(t, w, "trash/") == 1 })
	if _, err = x.Copy(t.Context(), src, objects.Put{Bucket: "bucket", Key: "d"}); err != nil {
		t.Errorf("a source that was deleted after it was looked up: %v", err)
	}
	_, err = x.Copy(t.Context(), src, objects.Put{Bucket: "bucket", Key: "d", Condition: objects.Condition{IfNoneMatch: "*"}})
	want(t, err, objects.ErrPrecondition)
}

func TestBeforeStartAndAfterStopEverythingIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w, running := running(t)
	_ = running
	x := w.build()
	try := func() {
		_, err := tryPut(x, "k", "text")
		want(t, err, objects.ErrUnavailable)
		_, err = x.Head(t.Context(), ref("k"))
		want(t, err, objects.ErrUnavailable)
	}
	try()
	if err := x.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, x, "k", "text")
	if err := x.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	try()
}
