package objects

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's ETag is an MD5
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// ragged reads in pieces of random length.
type ragged struct{ io.Reader }

func (r ragged) Read(p []byte) (int, error) {
	return r.Reader.Read(p[:1+rand.IntN(len(p))])
}

func TestDigestsAreRightForBodiesOfEverySize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 3071, 3072, 3073, lanesFrom - 1, lanesFrom, lanesFrom + 1, 3_000_000} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		in := newIntake(ragged{bytes.NewReader(data)}, 0, nil)
		got, err := io.ReadAll(in)
		sum, sha := in.digests()
		wantSum, wantSHA := md5.Sum(data), sha256.Sum256(data) //nolint:gosec // see import
		if err != nil || !bytes.Equal(got, data) || !bytes.Equal(sum, wantSum[:]) || !bytes.Equal(sha, wantSHA[:]) || in.n != int64(size) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// A write that is given up in the middle leaves no goroutine (TestMain looks for them).
func TestAnIntakeThatIsGivenUpEndsItsGoroutines(t *testing.T) {
	t.Parallel()
	for range 10 {
		in := newIntake(bytes.NewReader(make([]byte, 2_000_000)), 0, nil)
		if _, err := io.CopyN(io.Discard, in, int64(rand.IntN(2_000_000))); err != nil {
			t.Error(err)
		}
		in.close()
		in.close()
	}
}

func TestWhatIsTooLongIsRefusedAtTheFirstByteTooMany(t *testing.T) {
	t.Parallel()
	in := newIntake(bytes.NewReader(make([]byte, 1000)), 999, nil)
	_, err := io.ReadAll(in)
	if !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if _, again := in.Read(make([]byte, 1)); again == nil {
		t.Error("reading goes on after a refusal")
	}
	in = newIntake(bytes.NewReader(make([]byte, 1000)), 1000, nil)
	if _, err := io.ReadAll(in); err != nil {
		t.Error(err)
	}
}

func TestTypesAreAllowedByNameByAliasAndByGroup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		list    []string
		content string
		allowed bool
	}{
		{nil, "<html>", true},
		{[]string{"image/*"}, "\x89PNG\r\n\x1a\n", true},
		{[]string{"image/*"}, "%PDF-1.4", false},
		{[]string{"application/x-pdf"}, "%PDF-1.4", true},
		{[]string{"text/plain"}, "just some words", true},
		{[]string{"text/plain"}, "<html><body>", false},
		{[]string{"text/*"}, "<html><body>", true},
		{[]string{"*/*"}, "<html><body>", true},
		{[]string{"image/png", "application/pdf"}, "%PDF-1.4", true},
	} {
		if got := allowed(c.list, sniff([]byte(c.content))); got != c.allowed {
			t.Errorf("%q in %v: %v (%s)", c.content, c.list, got, sniff([]byte(c.content)))
		}
	}
}

func BenchmarkIntake(b *testing.B) {
	for name, size := range map[string]int{"16KB": 16 << 10, "64MB": 64 << 20} {
		data := make([]byte, size)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			buf := make([]byte, 1<<20)
			for b.Loop() {
				in := newIntake(bytes.NewReader(data), 0, nil)
				if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{in}, buf); err != nil {
					b.Fatal(err)
				}
				in.digests()
			}
		})
	}
}

type provenBody struct{ io.Reader }

func (provenBody) Proven() bool { return true }

// What a client signed in pieces is not hashed a second time, unless it is small.
func TestALargeBodyThatWasProvenHasNoSHA256(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]bool{0: true, lanesFrom - 1: true, lanesFrom: false, 3_000_000: false} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		in := newIntake(provenBody{ragged{bytes.NewReader(data)}}, 0, nil)
		_, err := io.Copy(io.Discard, in)
		sum, sha := in.digests()
		wantSum, wantSHA := md5.Sum(data), sha256.Sum256(data) //nolint:gosec // see import
		if err != nil || !bytes.Equal(sum, wantSum[:]) || (sha != nil) != want || want && !bytes.Equal(sha, wantSHA[:]) {
			t.Errorf("%d bytes: %v, SHA-256 %x", size, err, sha)
		}
	}
}
