package revision

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// The signed form of an index: magic, signature, zstd frame. The signature is over the magic and the frame, so that
// nothing is decompressed that was not signed. docs/formats.md has the plain form byte by byte.
const (
	magic    = "HFINDEX1"
	headSize = len(magic) + ed25519.SignatureSize
)

// Flags of a chunk.
const (
	flagWhole = 1 << iota
	flagKept
	flagSingle // one piece: the whole tree of the chunk
)

// Encode returns the index as bytes, signed. All parts must have their sums. Bytes of the same revision can differ with the
// version of the compressor, in its frame and in the sizes of packs.
func (ix *Index) Encode(key ed25519.PrivateKey) ([]byte, error) {
	if missing := ix.Unpacked(); len(missing) > 0 {
		return nil, fmt.Errorf("encode index: %d parts have not been packed, %s the first", len(missing), missing[0])
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fault.New(fault.Internal, "", "encode index: the key has %d bytes", len(key))
	}
	ix.Rejected, ix.Warned = sortRejections(ix.Rejected), sortRejections(ix.Warned) // callers may have added some
	plain := ix.appendPlain(nil)
	if len(plain) > maxPlain {
		return nil, fault.New(fault.Invalid, "content_index_too_large", "encode index: %d bytes: the limit is %d", len(plain), maxPlain)
	}
	if _, err := decodePlain(plain); err != nil {
		return nil, fmt.Errorf("encode index: it would not be readable: %w", err)
	}
	// Most of it are sums: a higher level or a wider window takes twice the time and saves nothing.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, fmt.Errorf("encode index: %w", err)
	}
	defer enc.Close()
	frame := enc.EncodeAll(plain, nil)
	if len(frame) > maxSigned-headSize {
		return nil, fault.New(fault.Invalid, "content_index_too_large", "encode index: %d bytes: the limit is %d", len(frame), maxSigned)
	}
	out := append(make([]byte, 0, headSize+len(frame)), magic...)
	out = append(out, ed25519.Sign(key, append([]byte(magic), frame...))...)
	return append(out, frame...), nil
}

// appendPlain appends the plain form.
func (ix *Index) appendPlain(dst []byte) []byte {
	dst = append(dst, byte(ix.Root.Format()))
	dst = appendText(dst, ix.Source)
	dst = binary.AppendUvarint(dst, uint64(ix.Seq)) //nolint:gosec // decodePlain refuses negative numbers
	dst = ix.Root.AppendTo(ix.Commit.AppendTo(dst))
	dst = append(dst, ix.Preset[:]...)
	dst = appendCount(dst, len(ix.Chunks))
	for i := range ix.Chunks {
		dst = ix.Chunks[i].appendPlain(dst)
	}
	dst = appendRejections(appendRejections(dst, ix.Rejected), ix.Warned)
	dst = appendCount(dst, len(ix.Dirs))
	for _, d := range ix.Dirs {
		dst = appendText(d.Tree.AppendTo(appendText(dst, d.Path)), d.Inside)
	}
	return dst
}

func (c *Chunk) appendPlain(dst []byte) []byte {
	dst = c.Tree.AppendTo(appendTexts(dst, c.Key, c.Rule, c.Path))
	flags := byte(0)
	if c.Whole {
		flags |= flagWhole
	}
	if c.Kept {
		flags |= flagKept
	}
	if c.single() {
		flags |= flagSingle
	}
	dst = append(dst, flags)
	if c.single() {
		dst = appendSums(dst, c.Pieces[0].Part)
	} else {
		dst = appendCount(dst, len(c.Pieces))
		for _, p := range c.Pieces {
			dst = binary.AppendUvarint(appendText(dst, p.Path), uint64(p.Mode))
			dst = appendSums(p.Part.ID.ID.AppendTo(append(dst, byte(p.Part.ID.Kind))), p.Part)
		}
	}
	dst = appendTexts(appendCount(dst, len(c.Requires)), c.Requires...)
	dst = appendCount(dst, len(c.Gathered))
	for _, f := range c.Gathered {
		dst = f.ID.AppendTo(binary.AppendUvarint(appendText(dst, f.Path), uint64(f.Mode)))
		dst = appendSize(dst, f.Size)
	}
	return appendSize(appendSize(dst, c.Plain), int64(c.Files))
}

// single reports whether the chunk is stored as its tree.
func (c *Chunk) single() bool {
	if len(c.Pieces) != 1 {
		return false
	}
	p := c.Pieces[0]
	return p.Path == "" && p.Mode == 0 && p.Part.ID == treepack.PartID{Kind: treepack.WholeTree, ID: c.Tree}
}

func appendSums(dst []byte, p treepack.Part) []byte {
	dst = append(dst, p.SHA256[:]...)
	return appendSize(appendSize(appendSize(dst, p.Plain), p.Packed), int64(p.Files))
}

func appendRejections(dst []byte, list []Rejection) []byte {
	dst = appendCount(dst, len(list))
	for _, r := range list {
		dst = appendBool(appendTexts(dst, r.Key, r.Dir, r.Path, r.Code, r.Reason), r.Kept)
	}
	return dst
}

func appendCount(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) } //nolint:gosec // a length

func appendSize(dst []byte, n int64) []byte { return binary.AppendUvarint(dst, uint64(n)) } //nolint:gosec // see Encode
