package treepack

import (
	"bytes"
	"context"
	"errors"
	"hash"
	"io"

	"holdfast/internal/fault"
)

// Pack writes the pack of a part and returns all that there is to know of it. What the source gives is verified against
// the ids, so a pack that could not be unpacked is never made. The limits must be those of the plan: Limits.Part says
// which blobs an OwnFiles part leaves out; the others hold for this part. When it fails, what has been written is not a
// pack.
//
// Memory: one encoder of about 2 MiB, from a pool, and the trees on the way down. It writes from the caller's
// goroutine.
func Pack(ctx context.Context, w io.Writer, src Source, id PartID, l Limits) (Part, error) {
	if !id.Kind.known() || id.ID.IsZero() {
		return Part{}, fault.New(fault.Internal, "", "pack: %q is no part", id)
	}
	out := newPlainWriter(w)
	defer out.release()
	p := &packer{
		src: src, out: out, part: id, object: id.ID.format.New(),
		tally: tally{limits: l},
	}
	if err := p.pack(ctx); err != nil {
		return Part{}, err
	}
	part := Part{ID: id, Files: p.tally.files}
	var err error
	part.SHA256, part.Plain, part.Packed, err = out.finish()
	return part, err
}

type packer struct {
	src    Source
	out    *plainWriter
	part   PartID
	object hash.Hash // of the blob that is being copied
	tally  tally
}

func (p *packer) pack(ctx context.Context) error {
	if err := p.out.write(streamHead(p.part)); err != nil {
		return err
	}
	err := error(nil)
	if p.part.Kind == BigBlob {
		err = at("", p.blob(ctx, File, p.part.ID))
	} else {
		err = p.tree(ctx, p.part.ID, "", 0)
	}
	if err != nil {
		return err
	}
	return p.out.write([]byte{tagEnd})
}

// tree writes a tree and, of a WholeTree, all that is below it.
func (p *packer) tree(ctx context.Context, id ID, path string, depth int) error {
	if err := checkPath(path, depth); err != nil {
		return at(path, err)
	}
	raw, entries, err := readTree(ctx, p.src, id)
	if err != nil {
		return at(path, err)
	}
	if err := p.tally.tree(depth, int64(len(raw))); err != nil {
		return at(path, err)
	}
	if err := p.out.object(tagTree, int64(len(raw))); err != nil {
		return err
	}
	if err := p.out.write(raw); err != nil {
		return err
	}
	for _, e := range entries {
		if err := p.entry(ctx, e, join(path, e.Name), depth); err != nil {
			return err
		}
	}
	return nil
}

func (p *packer) entry(ctx context.Context, e Entry, path string, depth int) error {
	switch kind := e.Mode.Kind(); kind {
	case Dir:
		if p.part.Kind == OwnFiles {
			return nil
		}
		return p.tree(ctx, e.ID, path, depth+1)
	case File, Exec, Link:
		err := checkPath(path, 0)
		if err == nil {
			err = p.blob(ctx, kind, e.ID)
		}
		return at(path, err)
	case Submodule:
		return nil
	}
	return at(path, fail(ErrMode, "mode %o is not known", e.Mode))
}

// blob writes a blob, or says that it stands elsewhere.
func (p *packer) blob(ctx context.Context, kind Kind, id ID) error {
	size, err := p.src.Size(ctx, id)
	if err != nil {
		return err
	}
	if p.part.Kind == OwnFiles && isBig(kind, size, p.tally.limits) {
		return p.out.write([]byte{tagLeft})
	}
	if err := p.tally.blob(kind, size); err != nil {
		return err
	}
	r, err := p.src.Blob(ctx, id)
	if err != nil {
		return err
	}
	err = p.copyBlob(kind, id, size, r)
	return errors.Join(err, r.Close())
}

// copyBlob copies a blob into the stream while it is hashed, and fails if it is not the one that the id names.
func (p *packer) copyBlob(kind Kind, id ID, size int64, r io.Reader) error {
	if err := p.out.object(tagBlob, size); err != nil {
		return err
	}
	p.object.Reset()
	hashHead(p.object, "blob", size)
	buf := p.out.buf
	for left := size; left > 0; {
		n, err := io.ReadAtLeast(r, buf[:min(left, int64(len(buf)))], 1)
		if err == io.EOF { //nolint:errorlint // the end of the blob; a source that broke off says more
			return fail(ErrObject, "blob %s: it ends %d bytes before its size", id, left)
		} else if err != nil {
			return err
		}
		left -= int64(n)
		p.object.Write(buf[:n])
		if err := p.out.write(buf[:n]); err != nil {
			return err
		}
		if kind == Link && bytes.IndexByte(buf[:n], 0) >= 0 {
			return errLinkNUL()
		}
	}
	if kind == Link && size == 0 {
		return errLinkEmpty()
	}
	if sumID(id.format, p.object) != id {
		return fail(ErrObject, "blob %s: the repository gave other bytes", id)
	}
	return nil
}
