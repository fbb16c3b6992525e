package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

var putting = []test{
	{"a blob comes back as it was put", putRoundTrip},
	{"a blob of zero bytes is a blob", putEmpty},
	{"a body of unknown length is stored whole", putUnknownSize},
	{"a body that comes in single bytes is stored whole", putSingleBytes},
	{"a taken name is refused without reading the body to its end", putTaken},
	{"a body that fails leaves nothing and its error comes back", putFailingBody},
	{"a body of another length than announced leaves nothing", putWrongSize},
	{"a cancelled context leaves nothing", putCancelled},
	{"the sidecar is asked for once, after the end of the body and before the name appears", putSidecarOrder},
	{"a sidecar of any allowed size comes back", putSidecarSizes},
	{"a sidecar that is too long or fails leaves nothing", putBadSidecar},
	{"names at the limits of the grammar work", putOddNames},
	{"names outside the grammar are refused before the body is read", putBadNames},
	{"a name below a blob is stored or refused but harms nothing", putNested},
}

func putRoundTrip(t *testing.T, s blob.Store) {
	start := time.Now().Add(-time.Minute) // stores have clocks of their own
	for i, n := range []int{1, 100, 4096, 16 << 10, 256 << 10, 256<<10 + 1, 3<<20 + 17} {
		name := blob.Name(fmt.Sprintf("blobs/00/%d", i))
		data := bytesOf(string(name), n)
		info := put(t, s, name, data)
		if info.ModTime.Before(start) || info.ModTime.After(time.Now().Add(time.Minute)) {
			t.Errorf("%s became durable at %v, started at %v", name, info.ModTime, start)
		}
		wantBlob(t, s, name, data, nil)
		stat, err := s.Stat(t.Context(), name)
		if err != nil || stat.Name != name || stat.Size != int64(n) {
			t.Errorf("Stat(%s) = %+v, %v", name, stat, err)
		}
	}
}

func putEmpty(t *testing.T, s blob.Store) {
	put(t, s, "empty", nil)
	wantBlob(t, s, "empty", nil, nil)
	if _, err := s.Put(t.Context(), "unknown", strings.NewReader(""), blob.PutOptions{Size: -1}); err != nil {
		t.Fatal(err)
	}
	wantBlob(t, s, "unknown", nil, nil)
}

func putUnknownSize(t *testing.T, s blob.Store) {
	data := bytesOf("unknown", 1<<20+5)
	info, err := s.Put(t.Context(), "unknown", bytes.NewReader(data), blob.PutOptions{Size: -1})
	if err != nil || info.Size != int64(len(data)) {
		t.Fatalf("Put = %+v, %v", info, err)
	}
	wantBlob(t, s, "unknown", data, nil)
}

func putSingleBytes(t *testing.T, s blob.Store) {
	data := bytesOf("slow", 5000)
	for name, body := range map[blob.Name]io.Reader{
		"single":  iotest.OneByteReader(bytes.NewReader(data)),
		"dataerr": iotest.DataErrReader(bytes.NewReader(data)), // the last bytes come together with io.EOF
	} {
		if _, err := s.Put(t.Context(), name, body, blob.PutOptions{Size: 5000}); err != nil {
			t.Fatal(err)
		}
		wantBlob(t, s, name, data, nil)
	}
}

func putTaken(t *testing.T, s blob.Store) {
	data := bytesOf("first", 1000)
	putWith(t, s, "taken", data, []byte("first"))
	for _, size := range []int64{-1, 1000, 64 << 20} {
		ended := false
		body := &hooked{io.LimitReader(&stripe{size: 64 << 20}, 64<<20), func() { ended = true }}
		_, err := s.Put(t.Context(), "taken", body, blob.PutOptions{Size: size, Sidecar: sidecarOf([]byte("second"))})
		wantError(t, "second Put", err, blob.ErrExists)
		if ended {
			t.Errorf("size %d: the body was read to its end", size)
		}
	}
	wantBlob(t, s, "taken", data, []byte("first"))
}

func putFailingBody(t *testing.T, s blob.Store) {
	cause := errors.New("digest does not match")
	for _, n := range []int{0, 10, 1 << 20} {
		for _, size := range []int64{-1, int64(n), int64(n) + 1} {
			name := blob.Name(fmt.Sprintf("failing/%d-%d", n, size+1))
			body := &failing{bytesOf("failing", n), cause}
			_, err := s.Put(t.Context(), name, body, blob.PutOptions{Size: size, Sidecar: sidecarOf([]byte("x"))})
			wantError(t, "Put "+string(name), err, cause)
			wantAbsent(t, s, name)
			put(t, s, name, []byte("the name is still free"))
		}
	}
}

func putWrongSize(t *testing.T, s blob.Store) {
	data := bytesOf("wrong", 300<<10)
	for _, size := range []int64{0, 1, 300<<10 - 1, 300<<10 + 1, 10 << 20} {
		_, err := s.Put(t.Context(), "wrong", bytes.NewReader(data), blob.PutOptions{Size: size})
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("announced %d: error %v, want kind invalid", size, err)
		}
		wantAbsent(t, s, "wrong")
	}
	put(t, s, "wrong", data)
}

func putCancelled(t *testing.T, s blob.Store) {
	_, err := s.Put(cancelled(), "before", strings.NewReader("x"), blob.PutOptions{Size: 1})
	wantError(t, "Put with a cancelled context", err, context.Canceled)
	wantAbsent(t, s, "before")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body := &hooked{bytes.NewReader(bytesOf("during", 1<<20)), cancel}
	_, err = s.Put(ctx, "during", body, blob.PutOptions{Size: 1 << 20})
	wantError(t, "Put cancelled at the end of its body", err, context.Canceled)
	wantAbsent(t, s, "during")
	put(t, s, "during", []byte("the name is still free"))
}

func putSidecarOrder(t *testing.T, s blob.Store) {
	ended, calls := false, 0
	body := &hooked{strings.NewReader("the body"), func() { ended = true }}
	_, err := s.Put(t.Context(), "order", body, blob.PutOptions{Size: 8, Sidecar: func() ([]byte, error) {
		calls++
		if !ended {
			t.Error("the sidecar was asked for before the end of the body")
		}
		if _, err := s.Stat(t.Context(), "order"); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("the blob was named before its sidecar: %v", err)
		}
		return []byte("digest"), nil
	}})
	if err != nil || calls != 1 {
		t.Fatalf("Put: %v, sidecar asked for %d times", err, calls)
	}
	wantBlob(t, s, "order", []byte("the body"), []byte("digest"))
}

func putSidecarSizes(t *testing.T, s blob.Store) {
	for _, n := range []int{0, 1, 100, 3 << 10, 5 << 10, blob.MaxSidecar} {
		name := blob.Name(fmt.Sprintf("sidecar/%d", n))
		putWith(t, s, name, []byte("body"), bytesOf("sidecar", n))
		wantBlob(t, s, name, []byte("body"), bytesOf("sidecar", n))
	}
	if all := list(t, s, "", ""); len(all) != 6 {
		t.Errorf("List yields %d names, want the 6 blobs and no sidecar: %v", len(all), all)
	}
}

func putBadSidecar(t *testing.T, s blob.Store) {
	cause := errors.New("no digest")
	_, err := s.Put(t.Context(), "bad", strings.NewReader("x"), blob.PutOptions{
		Size: 1, Sidecar: func() ([]byte, error) { return nil, cause },
	})
	wantError(t, "Put with a failing sidecar", err, cause)
	wantAbsent(t, s, "bad")
	_, err = s.Put(t.Context(), "bad", strings.NewReader("x"), blob.PutOptions{
		Size: 1, Sidecar: sidecarOf(make([]byte, blob.MaxSidecar+1)),
	})
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("Put with a sidecar that is too long: %v, want kind invalid", err)
	}
	wantAbsent(t, s, "bad")
}

func putOddNames(t *testing.T, s blob.Store) {
	long := strings.Repeat("n", 128)
	names := []blob.Name{
		"0", "-", "_", "--", "a..b", "a.", "tmp-0123", "x.meta", "con", "lost-found", "-rf", "a-b_c.d",
		blob.Name(long), blob.Name(strings.Join([]string{"l" + long[1:], long, long, strings.Repeat("m", 125)}, "/")),
		"a0/b", "a/b/c/d/e/f/g/h",
	}
	for _, name := range names {
		put(t, s, name, []byte(name))
	}
	for _, name := range names {
		wantBlob(t, s, name, []byte(name), nil)
	}
	if all := list(t, s, "", ""); len(all) != len(names) {
		t.Errorf("List yields %d names, want %d", len(all), len(names))
	}
}

func putBadNames(t *testing.T, s blob.Store) {
	names := []blob.Name{
		"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", ".hidden", "a/.hidden", "A", "a b", "a\x00b", "a\\b",
		"ä", "a\n", "a:b", "a%2e", blob.Name(strings.Repeat("n", 129)), blob.Name(strings.Repeat("n/", 256) + "n"),
	}
	for _, name := range names {
		read := false
		body := &hooked{strings.NewReader(""), func() { read = true }}
		_, err := s.Put(t.Context(), name, body, blob.PutOptions{Size: 0})
		if fault.KindOf(err) != fault.Invalid || read {
			t.Errorf("Put(%q): %v, body read: %v", name, err, read)
		}
		for what, err := range refusals(t, s, name) {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%s(%q): %v, want kind invalid", what, name, err)
			}
		}
	}
}

// refusals returns what every method but Put says to a name.
func refusals(t *testing.T, s blob.Store, name blob.Name) map[string]error {
	_, open := s.Open(t.Context(), name)
	_, stat := s.Stat(t.Context(), name)
	_, side := s.Sidecar(t.Context(), name)
	_, comp := s.Compose(t.Context(), name, nil, blob.PutOptions{})
	_, part := s.Compose(t.Context(), "whole", []blob.Name{name}, blob.PutOptions{Size: -1})
	return map[string]error{
		"Open": open, "Stat": stat, "Sidecar": side, "Compose": comp, "Compose of": part,
		"Delete": s.Delete(t.Context(), name), "Move from": s.Move(t.Context(), name, "to"),
		"Move to": s.Move(t.Context(), "from", name),
	}
}

// A store of files cannot hold both "a" and "a/b"; it may refuse the second with an error, but must not lose the first.
func putNested(t *testing.T, s blob.Store) {
	put(t, s, "a", []byte("first"))
	_, err := s.Put(t.Context(), "a/b", strings.NewReader("second"), blob.PutOptions{Size: 6})
	wantBlob(t, s, "a", []byte("first"), nil)
	if err == nil {
		wantBlob(t, s, "a/b", []byte("second"), nil)
	} else {
		wantAbsent(t, s, "a/b")
	}
	put(t, s, "d/e", []byte("first"))
	_, err = s.Put(t.Context(), "d", strings.NewReader("second"), blob.PutOptions{Size: 6})
	wantBlob(t, s, "d/e", []byte("first"), nil)
	if err != nil {
		wantAbsent(t, s, "d")
	}
}
