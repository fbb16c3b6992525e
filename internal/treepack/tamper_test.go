package treepack_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"

	"holdfast/internal/treepack"
)

// wrong unpacks what must be refused.
func wrong(t *testing.T, what string, data []byte, part treepack.Part) {
	t.Helper()
	if err := treepack.Unpack(bytes.NewReader(data), part, newMemory()); !errors.Is(err, treepack.ErrCorrupt) {
		t.Errorf("%s: %v; want ErrCorrupt", what, err)
	}
}

// kinds packs one part of each kind.
func kinds(t *testing.T, f treepack.Format) map[treepack.Part][]byte {
	t.Helper()
	s := newStore(f)
	big := s.file("big", strings.Repeat("big ", 300))
	l := treepack.Limits{Part: 1000}
	packs := map[treepack.Part][]byte{}
	for kind, id := range map[treepack.PartKind]treepack.ID{
		treepack.WholeTree: s.small(), treepack.OwnFiles: s.tree(big, s.file("x", "x"), s.dir("d", big)), treepack.BigBlob: big.ID,
	} {
		data, part := pack(t, s, treepack.PartID{Kind: kind, ID: id}, l)
		packs[part] = data
	}
	return packs
}

// Every byte of a small pack, changed in every bit, and every length: none is accepted.
func TestNoFlippedOrTruncatedPackIsAccepted(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		for part, data := range kinds(t, f) {
			unpack(t, data, part)
			for i := range data {
				for bit := range 8 {
					data[i] ^= 1 << bit
					wrong(t, "a flipped bit", data, part)
					data[i] ^= 1 << bit
				}
				wrong(t, "a truncated pack", data[:i], part)
			}
			wrong(t, "a byte more", append(bytes.Clone(data), 0), part)
			wrong(t, "the pack twice", append(bytes.Clone(data), data...), part)
			unpack(t, data, part)
		}
	})
}

// frame compresses otherwise than Pack does. Making one takes longer than to use it.
var frame = mustEncoder()

func mustEncoder() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		panic(err)
	}
	return e
}

// recompress makes a sound pack of plain bytes that are not.
func recompress(t *testing.T, plain []byte) []byte {
	t.Helper()
	return treepack.AppendTrailer(frame.EncodeAll(plain, nil))
}

func decompress(t testing.TB, data []byte) []byte {
	t.Helper()
	d, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	plain, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// The compressor's bytes do not count, the plain stream does. The same stream from another compressor is good; any other
// is not, even one that comes with its own sum, because the ids are wrong then.
func TestNoForgedPlainStreamIsAccepted(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		for part, data := range kinds(t, f) {
			plain := decompress(t, data)
			if int64(len(plain)) != part.Plain {
				t.Fatalf("%d plain bytes; want %d", len(plain), part.Plain)
			}
			unpack(t, recompress(t, plain), part)
			for i := range plain {
				plain[i] ^= 1
				wrong(t, "a forged byte", recompress(t, plain), part)
				forged := part
				forged.SHA256 = sum(plain)
				wrong(t, "a forged byte and its sum", recompress(t, plain), forged)
				plain[i] ^= 1
				short := part
				short.Plain, short.SHA256 = int64(i), sum(plain[:i])
				wrong(t, "a stream that ends early, and its sum", recompress(t, plain[:i]), short)
			}
			long := part
			long.Plain, long.SHA256 = part.Plain+1, sum(append(bytes.Clone(plain), 'e'))
			wrong(t, "something behind the end, and its sum", recompress(t, append(bytes.Clone(plain), 'e')), long)
		}
	})
}

func TestWhatIsDeclaredMustBeSo(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		for part, data := range kinds(t, f) {
			for what, change := range map[string]func(p *treepack.Part){
				"too small":      func(p *treepack.Part) { p.Plain-- },
				"much too small": func(p *treepack.Part) { p.Plain = 1 },
				"no size":        func(p *treepack.Part) { p.Plain = 0 },
				"too large":      func(p *treepack.Part) { p.Plain++ },
				"much too large": func(p *treepack.Part) { p.Plain = 1 << 49 },
				"fewer files":    func(p *treepack.Part) { p.Files-- },
				"more files":     func(p *treepack.Part) { p.Files++ },
				"other sum":      func(p *treepack.Part) { p.SHA256[31] ^= 1 },
				"other id":       func(p *treepack.Part) { p.ID.ID = treepack.HashObject(f, "tree", []byte("x")) },
				"other kind": func(p *treepack.Part) {
					p.ID.Kind = treepack.PartKind("tfbt"[strings.IndexByte("tfb", byte(p.ID.Kind))+1])
				},
			} {
				p := part
				change(&p)
				wrong(t, what, data, p)
			}
			for _, p := range []treepack.Part{{}, {ID: treepack.PartID{Kind: 'x', ID: part.ID.ID}}, {ID: part.ID, Plain: -1}, {ID: part.ID, Files: -1}} {
				if err := treepack.Unpack(bytes.NewReader(data), p, newMemory()); err == nil {
					t.Errorf("%+v is accepted", p)
				}
			}
		}
	})
}

// A gigabyte of zeros packs into 32 KB. The reader stops where the declared size ends, and at an object that says it is
// larger than what is left.
func TestABombEndsAtTheDeclaredSize(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	data, part := whole(t, s, s.tree(s.file("zeros", strings.Repeat("\x00", 8<<20))))
	if len(data) > 100_000 {
		t.Fatalf("the bomb has %d bytes", len(data))
	}
	part.Plain = 1 << 20
	m := &counting{memory: newMemory()}
	if err := treepack.Unpack(bytes.NewReader(data), part, m); !errors.Is(err, treepack.ErrCorrupt) || m.files != 0 {
		t.Errorf("%v after %d files", err, m.files)
	}
	var empty bytes.Buffer
	e, err := zstd.NewWriter(&empty, zstd.WithZeroFrames(true))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	endless := &repeat{b: empty.Bytes()}
	if err := treepack.Unpack(endless, part, m); !errors.Is(err, treepack.ErrCorrupt) || endless.n > 4<<20 {
		t.Errorf("endless empty frames: %v after %d bytes", err, endless.n)
	}
	skipped := &repeat{b: []byte("\x50\x2a\x4d\x18\x04\x00\x00\x00skip")}
	if err := treepack.Unpack(skipped, part, m); !errors.Is(err, treepack.ErrCorrupt) || skipped.n > 4<<20 {
		t.Errorf("endless skipped frames: %v after %d bytes", err, skipped.n)
	}
}

// A frame that asks for a window of gigabytes gets none.
func TestAHugeWindowIsRefused(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	data, part := whole(t, s, s.tree(s.file("x", "x")))
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out, zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))
	if err != nil {
		t.Fatal(err)
	}
	plain := decompress(t, data)
	for _, b := range [][]byte{plain[:5], plain[5:]} {
		if _, err := e.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	wrong(t, "a window of 64 MiB", treepack.AppendTrailer(out.Bytes()), part)
}

// repeat gives the same bytes for ever.
type repeat struct {
	b []byte
	n int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.b[(r.n+i)%len(r.b)]
	}
	r.n += len(p)
	return len(p), nil
}

// counting counts the files that were given completely.
type counting struct {
	*memory
	files int
}

func (c *counting) File(_ string, _ bool, _ int64, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	if err == nil {
		c.files++
	}
	return err
}

// Errors of the network and of the disk are not taken for bad content: one is tried again, the other needs room.
func TestErrorsOfReaderAndSinkAreToldApart(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	data, part := whole(t, s, s.tree(s.file("a", strings.Repeat("a", 1000)), s.dir("d", s.link("l", "t"), s.file("x", "y"))))
	broken := io.MultiReader(bytes.NewReader(data[:len(data)/2]), iotest.ErrReader(syscall.ECONNRESET))
	if err := treepack.Unpack(broken, part, newMemory()); !errors.Is(err, syscall.ECONNRESET) || errors.Is(err, treepack.ErrCorrupt) {
		t.Errorf("a broken connection: %v", err)
	}
	for _, fails := range []string{"", "a", "d", "d/l", "d/x"} {
		err := treepack.Unpack(bytes.NewReader(data), part, &failing{memory: newMemory(), at: fails})
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, treepack.ErrCorrupt) || treepack.PathOf(err) != fails {
			t.Errorf("a full disk at %q: %v at %q", fails, err, treepack.PathOf(err))
		}
	}
	if err := treepack.Unpack(iotest.OneByteReader(bytes.NewReader(data)), part, newMemory()); err != nil {
		t.Errorf("byte by byte: %v", err)
	}
	if err := treepack.Unpack(iotest.DataErrReader(bytes.NewReader(data)), part, newMemory()); err != nil {
		t.Errorf("the end with the data: %v", err)
	}
}

// failing is a sink on a disk that is full at one path. It does not read what it is given.
type failing struct {
	*memory
	at string
}

func (f *failing) check(path string) error {
	if path == f.at {
		return syscall.ENOSPC
	}
	return nil
}

func (f *failing) Dir(path string) error                                { return f.check(path) }
func (f *failing) Link(path, _ string) error                            { return f.check(path) }
func (f *failing) File(path string, _ bool, _ int64, _ io.Reader) error { return f.check(path) }

// A sink that reads nothing, or half, or ignores the error it was given, does not make a bad pack good.
func TestWhatTheSinkLeavesUnreadIsVerified(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	data, part := whole(t, s, s.tree(s.file("a", strings.Repeat("abc", 100_000))))
	plain := decompress(t, data)
	plain[len(plain)-10] ^= 1
	part.SHA256 = sum(plain)
	for _, n := range []int64{0, 1000, 299_999, 300_000, 1 << 20} {
		if err := treepack.Unpack(bytes.NewReader(recompress(t, plain)), part, &lazy{memory: newMemory(), n: n}); !errors.Is(err, treepack.ErrCorrupt) {
			t.Errorf("%d bytes read: %v", n, err)
		}
	}
}

type lazy struct {
	*memory
	n int64
}

func (l *lazy) File(_ string, _ bool, _ int64, r io.Reader) error {
	_, _ = io.CopyN(io.Discard, r, l.n) // ignores the error on purpose
	return nil
}
