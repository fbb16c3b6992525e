package treepack

import "context"

// tally counts what a walk has met, against the limits.
type tally struct {
	limits Limits
	plain  int64 // bytes of raw trees and blobs, with what stands before each in the stream
	names  int   // files, links and directories: a tree of nothing but directories must end as well
	files  int32 // files and links
}

// tree counts a raw tree.
func (t *tally) tree(depth int, size int64) error {
	if l := t.limits.Depth; l > 0 && depth > l {
		return fail(ErrTooDeep, "more than %d directories inside each other", l)
	}
	return t.object(size)
}

// blob counts a file or the target of a link.
func (t *tally) blob(kind Kind, size int64) error {
	t.files++
	switch l := t.limits.Blob; {
	case kind == Link && size > maxLink:
		return fail(ErrTooLarge, "the target of a link of %d bytes: the limit is %d", size, maxLink)
	case l > 0 && size > l:
		return fail(ErrTooLarge, "a file of %d bytes: the limit is %d", size, l)
	}
	return t.object(size)
}

func (t *tally) object(size int64) error {
	t.names++
	t.plain += objectTag + size
	if l := t.limits.Files; l > 0 && t.names > l+1 { // the root is no name
		return fail(ErrTooManyFiles, "more than %d files, links and directories", l)
	}
	if l := t.limits.Plain; l > 0 && t.plain > l {
		return fail(ErrTooLarge, "more than %d bytes in all", l)
	}
	return nil
}

// readTree returns a tree of the source, verified and taken apart.
func readTree(ctx context.Context, src Source, id ID) (raw []byte, entries []Entry, err error) {
	if raw, err = src.Tree(ctx, id); err != nil {
		return nil, nil, err
	}
	if got := HashObject(id.format, "tree", raw); got != id {
		return nil, nil, fail(ErrObject, "tree %s: the repository gave bytes of %s", id, got)
	}
	entries, err = ParseTree(id.format, raw)
	return raw, entries, err
}
