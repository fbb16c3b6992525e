package treepack

import (
	"context"

	"holdfast/internal/fault"
)

// Plan splits the chunk with the tree into pieces, in the order of the tree:
//
//   - A tree whose plain stream is not above Limits.Part is one WholeTree, and so is one that has neither sub-trees nor
//     blobs above it.
//   - Of any other tree, the files and links that lie directly in it are an OwnFiles part, if there are any; each
//     blob above Limits.Part among them is a BigBlob instead; and each sub-tree is split by the same rule.
//
// The pieces follow from the tree and Limits.Part alone: every machine finds the same, and equal sub-trees of different
// revisions become the same parts. A directory without files of its own has no piece; the paths of those below tell of
// it. Of each Part, ID, Plain and Files are filled in, exactly; SHA256 and Packed are Pack's.
//
// Errors name the place (PathOf). Plan asks the source for every tree and every size below the tree: a source that
// remembers sizes makes planning the next revision cheap.
func Plan(ctx context.Context, src Source, tree ID, l Limits) ([]Piece, error) {
	if tree.IsZero() {
		return nil, fault.New(fault.Internal, "", "plan: no tree")
	}
	p := planner{src: src, tally: tally{limits: l}}
	root, err := p.measure(ctx, tree, "", 0)
	if err != nil {
		return nil, err
	}
	return root.pieces(nil, ""), nil
}

type planner struct {
	src   Source
	tally tally
}

// node is a tree that has been measured.
type node struct {
	id       ID
	whole    int64 // bytes of its WholeTree part
	files    int32
	own      int64 // bytes of its OwnFiles part
	ownFiles int32
	split    []member // sub-trees and big blobs, in the order of the tree; nil if the tree is one part
}

// member is a sub-tree (node is set) or a big blob.
type member struct {
	name string
	node *node
	mode Mode
	id   ID
	size int64
}

// measure walks a tree and decides whether it is split.
func (p *planner) measure(ctx context.Context, id ID, path string, depth int) (*node, error) {
	if err := checkPath(path, depth); err != nil {
		return nil, at(path, err)
	}
	raw, entries, err := readTree(ctx, p.src, id)
	if err != nil {
		return nil, at(path, err)
	}
	if err := p.tally.tree(depth, int64(len(raw))); err != nil {
		return nil, at(path, err)
	}
	base := int64(headSize + objectTag + len(raw) + tagSize)
	n := &node{id: id, whole: base, own: base}
	for _, e := range entries {
		if err := p.entry(ctx, n, e, join(path, e.Name), depth); err != nil {
			return nil, err
		}
	}
	if limit := p.tally.limits.Part; limit <= 0 || n.whole <= limit {
		n.split = nil
	}
	return n, nil
}

// entry adds one entry to its tree.
func (p *planner) entry(ctx context.Context, n *node, e Entry, path string, depth int) error {
	switch e.Mode.Kind() {
	case Dir:
		sub, err := p.measure(ctx, e.ID, path, depth+1)
		if err != nil {
			return err
		}
		n.whole += sub.whole - int64(headSize+tagSize)
		n.files += sub.files
		n.split = append(n.split, member{name: e.Name, node: sub})
		return nil
	case File, Exec, Link:
		return at(path, p.blob(ctx, n, e, path))
	case Submodule:
		return nil
	}
	return at(path, fail(ErrMode, "mode %o is not known", e.Mode))
}

func (p *planner) blob(ctx context.Context, n *node, e Entry, path string) error {
	if err := checkPath(path, 0); err != nil {
		return err
	}
	size, err := p.src.Size(ctx, e.ID)
	if err != nil {
		return err
	}
	if err := p.tally.blob(e.Mode.Kind(), size); err != nil {
		return err
	}
	n.whole += objectTag + size
	n.files++
	if isBig(e.Mode.Kind(), size, p.tally.limits) {
		n.own += tagSize
		n.split = append(n.split, member{name: e.Name, mode: e.Mode.Canonical(), id: e.ID, size: size})
		return nil
	}
	n.own += objectTag + size
	n.ownFiles++
	return nil
}

// isBig reports whether a blob of a split tree is a part of its own.
func isBig(kind Kind, size int64, l Limits) bool { return kind != Link && l.Part > 0 && size > l.Part }

// pieces appends the pieces of a tree at a path.
func (n *node) pieces(out []Piece, path string) []Piece {
	if len(n.split) == 0 {
		return append(out, Piece{Path: path, Part: Part{ID: PartID{WholeTree, n.id}, Plain: n.whole, Files: n.files}})
	}
	if n.ownFiles > 0 {
		out = append(out, Piece{Path: path, Part: Part{ID: PartID{OwnFiles, n.id}, Plain: n.own, Files: n.ownFiles}})
	}
	for _, m := range n.split {
		if m.node != nil {
			out = m.node.pieces(out, join(path, m.name))
			continue
		}
		big := Part{ID: PartID{BigBlob, m.id}, Plain: int64(headSize+objectTag+tagSize) + m.size, Files: 1}
		out = append(out, Piece{Path: join(path, m.name), Mode: m.mode, Part: big})
	}
	return out
}
