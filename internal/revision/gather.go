package revision

import (
	"fmt"
	"strings"

	"holdfast/internal/treepack"
)

// gatheredTrees makes the trees of a gathered chunk from its files, which are in the order of their paths. They are
// canonical, so that the same files make the same ids on every machine.
func gatheredTrees(f treepack.Format, files []File) (root treepack.ID, trees map[treepack.ID][]byte, err error) {
	g := treeMaker{format: f, trees: map[treepack.ID][]byte{}}
	root, err = g.make("", files)
	return root, g.trees, err
}

type treeMaker struct {
	format treepack.Format
	trees  map[treepack.ID][]byte
}

// make returns the tree of a directory, given the files in it.
func (g *treeMaker) make(dir string, files []File) (treepack.ID, error) {
	var entries []treepack.Entry
	for len(files) > 0 {
		rest := strings.TrimPrefix(strings.TrimPrefix(files[0].Path, dir), "/")
		name, _, inDir := strings.Cut(rest, "/")
		path := join(dir, name)
		if !inDir {
			entries = append(entries, treepack.Entry{Name: name, Mode: files[0].Mode, ID: files[0].ID})
			files = files[1:]
			continue
		}
		n := 1
		for n < len(files) && below(files[n].Path, path) {
			n++
		}
		id, err := g.make(path, files[:n])
		if err != nil {
			return treepack.ID{}, err
		}
		entries, files = append(entries, treepack.Entry{Name: name, Mode: treepack.ModeDir, ID: id}), files[n:]
	}
	raw := treepack.AppendTree(nil, entries)
	if _, err := treepack.ParseTree(g.format, raw); err != nil {
		return treepack.ID{}, fmt.Errorf("gather in %q: %w", dir, err)
	}
	id := treepack.HashObject(g.format, "tree", raw)
	g.trees[id] = raw
	return id, nil
}

// Overlay returns src with the trees of gathered chunks, which no repository has.
func (ix *Index) Overlay(src treepack.Source) treepack.Source {
	all := map[treepack.ID][]byte{}
	for i := range ix.Chunks {
		if len(ix.Chunks[i].Gathered) == 0 {
			continue
		}
		// Decode and Build have made these trees before: they cannot fail.
		if _, trees, err := gatheredTrees(ix.Root.Format(), ix.Chunks[i].Gathered); err == nil {
			for id, raw := range trees {
				all[id] = raw
			}
		}
	}
	if len(all) == 0 {
		return src
	}
	return treepack.Overlay(src, all)
}
