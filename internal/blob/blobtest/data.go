package blobtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// bytesOf returns n bytes that are different for each seed.
func bytesOf(seed string, n int) []byte {
	var key [32]byte
	copy(key[:], seed)
	data := make([]byte, n)
	r := rand.NewChaCha8(key)
	_, _ = r.Read(data) // documented never to fail
	return data
}

// brief describes data in an error message.
func brief(data []byte) string {
	if len(data) <= 32 {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%d bytes %q…", len(data), data[:16])
}

// wantError fails the test unless err matches want.
func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error %v, want %v", what, err, want)
	}
}

// failing is a reader that yields data and then err.
type failing struct {
	data []byte
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	if len(f.data) == 0 {
		return 0, f.err
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

// hooked calls atEnd when the reader below it has come to its end, before it says so.
type hooked struct {
	io.Reader
	atEnd func()
}

func (h *hooked) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		h.atEnd()
	}
	return n, err
}

// stripe is an endless pattern in which every 8 bytes name their own offset: cheap to make, and a block that is
// missing, doubled or moved shows.
type stripe struct {
	offset, size int64
}

func (s *stripe) Read(p []byte) (int, error) {
	if s.offset >= s.size {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), s.size-s.offset)]
	fillStripe(p, s.offset)
	s.offset += int64(len(p))
	return len(p), nil
}

// fillStripe writes the pattern as it is at the offset.
func fillStripe(p []byte, offset int64) {
	var word [8]byte
	for i := 0; i < len(p); {
		at := offset + int64(i)
		if at%8 == 0 && len(p)-i >= 8 {
			binary.LittleEndian.PutUint64(p[i:], uint64(at)*0x9e3779b97f4a7c15)
			i += 8
			continue
		}
		binary.LittleEndian.PutUint64(word[:], uint64(at-at%8)*0x9e3779b97f4a7c15)
		p[i] = word[at%8]
		i++
	}
}
