package objects_test

import (
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"encoding/hex"
	"errors"
	"testing"

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
