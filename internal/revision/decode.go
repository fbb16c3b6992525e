package revision

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math"
	"strings"

	"github.com/klauspost/compress/zstd"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// What an index may be at most: a course with a million chunks is far below.
const (
	maxSigned = 64 << 20
	maxPlain  = 256 << 20
)

// Sentinels for errors.Is; what is returned says more.
var (
	// ErrSignature: the index was not signed with our key.
	ErrSignature = fault.New(fault.Invalid, "content_index_signature", "the index is not signed by us")
	// ErrIndex: the bytes are no index.
	ErrIndex = fault.New(fault.Invalid, "content_index_corrupt", "the index is malformed")
)

func corrupt(format string, args ...any) error {
	return fault.New(ErrIndex.Kind, ErrIndex.Code, "decode index: "+format, args...)
}

// Decode returns the index that the key signed. Whether it is of the source and the revision that were asked for is for the
// caller to see.
func Decode(data []byte, pub ed25519.PublicKey) (*Index, error) {
	switch {
	case len(data) < headSize || !bytes.HasPrefix(data, []byte(magic)):
		return nil, corrupt("it does not begin with %s and a signature", magic)
	case len(data) > maxSigned:
		return nil, corrupt("%d bytes: the limit is %d", len(data), maxSigned)
	case len(pub) != ed25519.PublicKeySize:
		return nil, fault.New(fault.Internal, "", "decode index: the key has %d bytes", len(pub))
	}
	signature, frame := data[len(magic):headSize], data[headSize:]
	if !ed25519.Verify(pub, append([]byte(magic), frame...), signature) {
		return nil, fault.New(ErrSignature.Kind, ErrSignature.Code, "decode index: the signature does not match").
			WithHint("all machines need the same files.master_key; an index from another environment is of no use here")
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPlain))
	if err != nil {
		return nil, fmt.Errorf("decode index: %w", err)
	}
	defer dec.Close()
	plain, err := dec.DecodeAll(frame, nil)
	if err != nil {
		return nil, corrupt("decompress: %w", err)
	}
	return decodePlain(plain)
}

// decodePlain reads the plain form, of which there is one for each index: what is out of order, or written longer than it needs,
// is refused.
func decodePlain(plain []byte) (*Index, error) {
	r := &reader{rest: plain}
	ix := &Index{}
	r.format = treepack.Format(r.byte())
	if r.err == nil && r.format.Size() == 0 {
		r.fail("unknown object format %d", r.format)
	}
	ix.Source, ix.Seq = r.text(), r.size()
	ix.Commit, ix.Root = r.id(), r.id()
	copy(ix.Preset[:], r.take(len(ix.Preset)))
	ix.Chunks = list(r, minChunk, r.chunk)
	ix.Rejected = list(r, minRejection, r.rejection)
	ix.Warned = list(r, minRejection, r.rejection)
	ix.Dirs = list(r, minDir, r.dir)
	if r.err == nil && len(r.rest) > 0 {
		r.fail("%d bytes behind its end", len(r.rest))
	}
	ordered(r, "chunks", ix.Chunks, func(a, b Chunk) int { return strings.Compare(a.Key, b.Key) })
	ordered(r, "rejections", ix.Rejected, compareRejections)
	ordered(r, "warnings", ix.Warned, compareRejections)
	ordered(r, "directories", ix.Dirs, func(a, b Dir) int { return strings.Compare(a.Path, b.Path) })
	if r.err != nil {
		return nil, r.err
	}
	return ix, nil
}

func (r *reader) chunk() Chunk {
	c := Chunk{Key: r.text(), Rule: r.text(), Path: r.path(), Tree: r.id()}
	flags := r.byte()
	c.Whole, c.Kept = flags&flagWhole != 0, flags&flagKept != 0
	if flags >= flagSingle<<1 {
		r.fail("unknown flags %#x of chunk %q", flags, c.Key)
	}
	if flags&flagSingle != 0 {
		part := treepack.Part{ID: treepack.PartID{Kind: treepack.WholeTree, ID: c.Tree}}
		c.Pieces = []treepack.Piece{{Part: r.sums(part)}}
	} else {
		c.Pieces = list(r, minPiece, r.piece)
		if c.single() {
			r.fail("the piece of chunk %q is written at length", c.Key)
		}
	}
	c.Requires = list(r, 1, r.text)
	ordered(r, "requirements", c.Requires, strings.Compare)
	c.Gathered = list(r, minFile, r.file)
	ordered(r, "gathered files", c.Gathered, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	c.Plain, c.Files = r.size(), r.count32()
	r.checkGathered(&c)
	return c
}

// checkGathered makes sure that the trees of a gathered chunk can be made again.
func (r *reader) checkGathered(c *Chunk) {
	if r.err != nil || len(c.Gathered) == 0 {
		return
	}
	root, _, err := gatheredTrees(r.format, c.Gathered)
	if err != nil || root != c.Tree || c.Path != "" {
		r.fail("the files of chunk %q are not its tree", c.Key)
	}
}

func (r *reader) piece() treepack.Piece {
	p := treepack.Piece{Path: r.path(), Mode: r.mode()}
	p.Part.ID = treepack.PartID{Kind: treepack.PartKind(r.byte()), ID: r.id()}
	switch p.Part.ID.Kind {
	case treepack.WholeTree, treepack.OwnFiles, treepack.BigBlob:
	default:
		r.fail("unknown kind of part %q", p.Part.ID.Kind)
	}
	p.Part = r.sums(p.Part)
	return p
}

func (r *reader) sums(p treepack.Part) treepack.Part {
	copy(p.SHA256[:], r.take(len(p.SHA256)))
	p.Plain, p.Packed, p.Files = r.size(), r.size(), r.count32()
	return p
}

func (r *reader) file() File {
	f := File{Path: r.path(), Mode: r.mode(), ID: r.id(), Size: r.size()}
	if f.Path == "" || f.Mode != treepack.ModeFile && f.Mode != treepack.ModeExec {
		r.fail("a gathered file %q of mode %o", f.Path, uint32(f.Mode))
	}
	return f
}

func (r *reader) rejection() Rejection {
	return Rejection{Key: r.text(), Dir: r.text(), Path: r.text(), Code: r.text(), Reason: r.text(), Kept: r.bool()}
}

func (r *reader) dir() Dir { return Dir{Path: r.path(), Tree: r.id(), Inside: r.text()} }

func (r *reader) mode() treepack.Mode {
	n := r.uvarint()
	if n > math.MaxUint16 {
		r.fail("a mode of %d", n)
	}
	return treepack.Mode(n & math.MaxUint16)
}
