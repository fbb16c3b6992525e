package revision

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/treepack"
)

const (
	maxWalk = 128  // directories above chunks that lie in each other
	maxPath = 3072 // bytes of a path from the root of the course: with a cache's own before it, systems allow 4095
)

// state is where the matches of all patterns stand in a directory. It follows from the path, and from the chunks above.
type state struct {
	rules  []positions // as builder.rules
	gather []positions // as builder.gather
	inside string      // depth and rule of the chunks that the directory is or lies in
}

// alive reports whether something in the directory may match, or the directory itself if it has a marker.
func (at state) alive() bool {
	some := func(p positions) bool { return p != 0 }
	return slices.ContainsFunc(at.rules, some) || slices.ContainsFunc(at.gather, some)
}

func (b *builder) step(at state, name string) state {
	next := state{make([]positions, len(at.rules)), make([]positions, len(at.gather)), at.inside}
	for i, r := range b.rules {
		next.rules[i] = r.path.step(at.rules[i], name)
	}
	for i, g := range b.gather {
		next.gather[i] = g.path.step(at.gather[i], name)
	}
	return next
}

// enter notes that the directory at the path is a chunk of the rule, which then looks no deeper. Captures of other rules do not
// reach through it, and files are no longer gathered: scan does that in a chunk.
func (b *builder) enter(at state, path string, rule int) state {
	rules := make([]positions, len(at.rules))
	for i, r := range b.rules {
		rules[i] = r.path.leave(at.rules[i])
	}
	rules[rule] = 0
	at.rules = rules
	at.gather = make([]positions, len(b.gather))
	at.inside += fmt.Sprintf("%d:%s ", strings.Count(path, "/"), b.rules[rule].Name)
	return at
}

// walk finds the directories that rules name. It reads only where something may be found, and nothing that is as it was.
func (b *builder) walk(ctx context.Context, root treepack.ID) error {
	at := state{rules: make([]positions, len(b.rules)), gather: make([]positions, len(b.gather))}
	for i := range at.rules {
		at.rules[i] = start
	}
	for i := range at.gather {
		at.gather[i] = start
	}
	return b.visit(ctx, "", root, at)
}

func (b *builder) visit(ctx context.Context, path string, id treepack.ID, at state) error {
	here := Dir{Path: path, Tree: id, Inside: at.inside}
	if b.takeDir(here) {
		return nil
	}
	at, hits, open := b.unmarked(here, at)
	if !at.alive() && len(open) == 0 {
		return nil
	}
	raw, entries, err := b.readDir(ctx, path, id)
	if err != nil {
		return b.failDir(path, err)
	}
	at, marked := b.marked(here, raw, entries, at, open)
	chunk := hits+marked > 0
	if chunk && !at.alive() {
		return nil
	}
	b.dirs = append(b.dirs, here)
	if !chunk {
		b.warned = append(b.warned, collisions("", path, path, entries)...)
	}
	return b.children(ctx, path, entries, at, chunk)
}

// takeDir takes over a directory that is as it was, with all that is in it.
func (b *builder) takeDir(d Dir) bool {
	if !b.prev.unchanged(d) {
		return false
	}
	chunks := map[string]bool{}
	for _, c := range b.prev.chunks(d.Path) {
		i := slices.IndexFunc(b.rules, func(r pathRule) bool { return r.Name == c.Rule })
		f := &found{rule: &b.rules[i], path: c.Path, tree: c.Tree, key: c.Key}
		b.found = append(b.found, f)
		b.takeOver(f, c)
		chunks[c.Path] = true
	}
	for _, g := range b.oldFiles(d.Path) {
		if d.Inside == "" && !liesIn(g.file.Path, chunks) { // else a chunk answers for it
			b.loose = append(b.loose, g)
		}
	}
	b.dirs = append(b.dirs, allWithin(b.prev.ix.Dirs, d.Path, dirPath)...)
	b.warned = append(b.warned, allWithin(b.prev.ix.Warned, d.Path, rejectionPath)...)
	return true
}

// unmarked notes the chunks at a place that can be told without reading the directory: those of rules without marker, and
// those that are as they were. It returns how many there are, and the rules whose marker must be looked for.
func (b *builder) unmarked(d Dir, at state) (next state, hits int, open []int) {
	next = at
	for i := range b.rules {
		r := &b.rules[i]
		if !r.path.done(at.rules[i]) {
			continue
		}
		old := b.prev.verdict(r.Name, d.Path, d.Tree)
		if old == nil && len(r.Marker) > 0 {
			open = append(open, i)
			continue
		}
		f := b.newFound(r, d)
		if old != nil {
			b.takeOver(f, old)
		}
		next = b.enter(next, d.Path, i)
		hits++
	}
	return next, hits, open
}

// marked notes the chunks at a place whose marker is there.
func (b *builder) marked(d Dir, raw []byte, entries []treepack.Entry, at state, open []int) (next state, hits int) {
	for _, i := range open {
		if r := &b.rules[i]; r.hasMarker(entries) {
			b.newFound(r, d).raw = raw
			at = b.enter(at, d.Path, i)
			hits++
		}
	}
	return at, hits
}

func (r *pathRule) hasMarker(entries []treepack.Entry) bool {
	return slices.ContainsFunc(entries, func(e treepack.Entry) bool {
		return isFile(e.Mode) && slices.Contains(r.Marker, e.Name)
	})
}

func isFile(m treepack.Mode) bool { return m.Kind() == treepack.File || m.Kind() == treepack.Exec }

func (b *builder) readDir(ctx context.Context, path string, id treepack.ID) ([]byte, []treepack.Entry, error) {
	b.dirCount++
	switch {
	case b.o.Limits.Files > 0 && b.dirCount > b.o.Limits.Files:
		return nil, nil, fmt.Errorf("%w: more than %d directories above chunks", treepack.ErrTooManyFiles, b.o.Limits.Files)
	case strings.Count(path, "/") >= maxWalk || len(path) > maxPath:
		return nil, nil, breachf(path, treepack.ErrTooDeep.Code, "more than %d directories in each other, or %d bytes, and no chunk", maxWalk, maxPath)
	}
	raw, err := readTree(ctx, b.src, id)
	if err != nil {
		return nil, nil, err
	}
	entries, err := treepack.ParseTree(b.format, raw)
	return raw, entries, err
}

// failDir reports a directory that cannot be read. What lies in it is not known; assemble keeps what lay there before.
func (b *builder) failDir(path string, err error) error {
	r, ok := rejection(err, "", path)
	if !ok || path == "" || errors.Is(err, treepack.ErrTooManyFiles) {
		return fmt.Errorf("directory %q: %w", path, err)
	}
	b.bad = append(b.bad, r)
	return nil
}

func (b *builder) children(ctx context.Context, path string, entries []treepack.Entry, at state, chunk bool) error {
	for _, e := range entries {
		child, next := join(path, e.Name), b.step(at, e.Name)
		if e.Mode.Kind() == treepack.Dir {
			if next.alive() {
				if err := b.visit(ctx, child, e.ID, next); err != nil {
					return err
				}
			}
			continue
		}
		b.misplaced(child, e, next)
		if err := b.gatherLoose(ctx, child, e, next); err != nil {
			return err
		}
		if chunk {
			continue
		}
		if err := b.warnAttributes(ctx, child, e); err != nil {
			return err
		}
	}
	return nil
}

// misplaced reports what stands in the place of a chunk and is no directory. A file is no such thing if the
// pattern leaves open what names there may be: a course has files beside its questions.
func (b *builder) misplaced(path string, e treepack.Entry, at state) {
	for i := range b.rules {
		r := &b.rules[i]
		if !r.path.done(at.rules[i]) || isFile(e.Mode) && !r.path.fixedEnd() {
			continue
		}
		b.bad = append(b.bad, Rejection{
			Key: r.key(path), Dir: path, Path: path, Code: codeNotDirectory,
			Reason: fmt.Sprintf("a %s stands in the place of a directory", e.Mode.Kind()),
		})
	}
}
