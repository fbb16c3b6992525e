package revision

import (
	"context"
	"fmt"
	"slices"

	"holdfast/internal/treepack"
)

// maxReports bounds what is reported about one chunk.
const maxReports = 20

// scanner looks at everything in one chunk.
type scanner struct {
	b   *builder
	f   *found
	src *objects

	files, dirs  int
	bytes, plain int64             // of trees and files; of files
	links        map[string]string // target by path below the chunk
	needed       map[string]treepack.ID
	outside      []string // where links of the chunk lead, from the root of the course
}

// scan judges a chunk: in the end it is accepted or rejected. An error is one that stops the build.
func (b *builder) scan(ctx context.Context, f *found) error {
	s := &scanner{b: b, f: f, src: newObjects(b.src), links: map[string]string{}, needed: map[string]treepack.ID{}}
	if f.raw != nil {
		s.src.trees[f.tree], f.raw = f.raw, nil
	}
	err := s.chunk(ctx)
	if err == nil {
		return nil
	}
	r, ok := rejection(err, f.key, f.path)
	if !ok {
		return fmt.Errorf("chunk %q: %w", f.key, err)
	}
	f.rejected, f.gathered, f.nested, f.warned = &r, nil, nil, nil
	return nil
}

func (s *scanner) chunk(ctx context.Context) error {
	rules, gather := s.startAt()
	if err := s.dir(ctx, "", s.f.tree, rules, gather); err != nil {
		return err
	}
	if err := s.checkLinks(); err != nil {
		return err
	}
	requires, err := s.requires(ctx)
	if err != nil {
		return err
	}
	pieces, ok := s.b.prev.pieces[s.f.tree]
	if ok {
		pieces = slices.Clone(pieces)
	} else if pieces, err = treepack.Plan(ctx, s.src, s.f.tree, s.b.o.Limits); err != nil {
		return err
	}
	s.b.prev.complete(pieces)
	s.f.chunk = &Chunk{
		Key: s.f.key, Rule: s.f.rule.Name, Path: s.f.path, Tree: s.f.tree, Pieces: pieces, Requires: requires,
		Plain: s.plain, Files: int32(s.files), //nolint:gosec // bounded by maxFiles
	}
	return nil
}

// startAt returns where the matches of the chunk's own pattern and of all files to gather stand in its directory.
func (s *scanner) startAt() (rule positions, gather []positions) {
	rule, gather = start, make([]positions, len(s.b.gather))
	for i := range gather {
		gather[i] = start
	}
	for _, name := range names(s.f.path) {
		rule = s.f.rule.path.step(rule, name)
		gather = s.step(gather, name)
	}
	return rule, gather
}

func (s *scanner) step(gather []positions, name string) []positions {
	next := make([]positions, len(gather))
	for i, g := range s.b.gather {
		next[i] = g.path.step(gather[i], name)
	}
	return next
}

// dir looks at a directory of the chunk. Errors carry the path as it is from the root of the course.
func (s *scanner) dir(ctx context.Context, rel string, id treepack.ID, rule positions, gather []positions) error {
	path := join(s.f.path, rel)
	if err := s.checkDepth(rel, path); err != nil {
		return err
	}
	raw, err := s.src.Tree(ctx, id)
	if err != nil {
		return at(path, err)
	}
	entries, err := treepack.ParseTree(s.b.format, raw)
	if err != nil {
		return at(path, err)
	}
	if err := s.count(path, 0, int64(len(raw))); err != nil {
		return err
	}
	if rel != "" && len(s.f.rule.Marker) > 0 && s.f.rule.path.done(rule) && s.f.rule.hasMarker(entries) {
		s.reportNested(path)
	}
	s.warn(collisions(s.f.key, s.f.path, path, entries)...)
	for _, e := range entries {
		if err := s.entry(ctx, rel, e, rule, gather); err != nil {
			return err
		}
	}
	return nil
}

func (s *scanner) entry(ctx context.Context, rel string, e treepack.Entry, rule positions, gather []positions) error {
	rel = join(rel, e.Name)
	path := join(s.f.path, rel)
	gather = s.step(gather, e.Name)
	if len(path) > maxPath {
		return breachf(path, treepack.ErrTooDeep.Code, "a path of %d bytes: the limit is %d", len(path), maxPath)
	}
	switch e.Mode.Kind() {
	case treepack.Dir:
		s.dirs++
		return s.dir(ctx, rel, e.ID, s.f.rule.path.step(rule, e.Name), gather)
	case treepack.File, treepack.Exec:
		return s.file(ctx, rel, path, e, gather)
	case treepack.Link:
		return s.link(ctx, rel, path, e, gather)
	case treepack.Submodule:
		if s.b.o.Submodules == Reject {
			return breachf(path, codeSubmodule, "a submodule is no content of this repository")
		}
		s.warn(Rejection{Key: s.f.key, Dir: s.f.path, Path: path, Code: codeSubmodule, Reason: "a submodule: its directory stays empty"})
		return nil
	}
	return breachf(path, treepack.ErrMode.Code, "mode %o is no file, link or directory", uint32(e.Mode))
}

func (s *scanner) file(ctx context.Context, rel, path string, e treepack.Entry, gather []positions) error {
	f, err := s.b.fact(ctx, s.src, e.ID)
	if err != nil {
		return at(path, err)
	}
	if err := s.count(path, f.size, f.size); err != nil {
		return err
	}
	s.files++
	if f.pointer {
		return breachf(path, codePointer, "a Git LFS pointer: the file itself is not in the repository")
	}
	if max := s.b.o.Limits.Blob; max > 0 && f.size > max {
		return breachf(path, treepack.ErrTooLarge.Code, "%d bytes: the limit of a file is %d", f.size, max)
	}
	for _, q := range s.f.rule.Requires {
		if q.File == rel {
			s.needed[rel] = e.ID
		}
	}
	for i, g := range s.b.gather {
		if g.path.done(gather[i]) {
			s.f.gathered = append(s.f.gathered, gathered{g.rule, File{path, e.Mode.Canonical(), e.ID, f.size}})
		}
	}
	if e.Name != attributesFile {
		return nil
	}
	odd, err := attributes(ctx, s.src, e.ID, s.f.key, s.f.path, path)
	s.warn(odd...)
	return err
}

func (s *scanner) link(ctx context.Context, rel, path string, e treepack.Entry, gather []positions) error {
	target, err := readTarget(ctx, s.src, e.ID, path)
	if err != nil {
		return err
	}
	s.links[rel] = target
	s.files++
	for i, g := range s.b.gather {
		if g.path.done(gather[i]) {
			s.warn(Rejection{Key: s.f.key, Dir: s.f.path, Path: path, Code: codeGather, Reason: "a symbolic link is not gathered for " + g.rule})
		}
	}
	return s.count(path, int64(len(target)), int64(len(target)))
}

// count adds a file or tree to what the chunk is, as long as it is within the limits. Directories count like files here, so
// that a tree of empty directories comes to an end.
func (s *scanner) count(path string, plain, bytes int64) error {
	s.plain += plain
	s.bytes += bytes
	l := s.b.o.Limits
	switch {
	case l.Plain > 0 && s.bytes > l.Plain:
		return breachf(path, treepack.ErrTooLarge.Code, "with this file the chunk has more than the limit of %d bytes", l.Plain)
	case max(s.files, s.dirs) > maxFiles || l.Files > 0 && max(s.files, s.dirs) > l.Files:
		return breachf(path, treepack.ErrTooManyFiles.Code, "the chunk has more files or directories than the limit of %d", l.Files)
	}
	return nil
}

// maxFiles bounds a chunk whatever the limits say.
const maxFiles = 10_000_000

func (s *scanner) checkDepth(rel, path string) error {
	l := s.b.o.Limits.Depth
	if l <= 0 || l > maxWalk {
		l = maxWalk
	}
	if len(names(rel)) > l {
		return breachf(path, treepack.ErrTooDeep.Code, "more directories in each other than the limit of %d", l)
	}
	return nil
}

func (s *scanner) reportNested(path string) {
	if len(s.f.nested) >= maxReports {
		return
	}
	s.f.nested = append(s.f.nested, Rejection{
		Key: s.f.rule.key(path), Dir: path, Path: path, Code: codeNested,
		Reason: fmt.Sprintf("lies in the directory of %s, which it is a part of", s.f.key),
	})
}

func (s *scanner) warn(list ...Rejection) {
	room := maxReports - len(s.f.warned)
	s.f.warned = append(s.f.warned, list[:max(0, min(room, len(list)))]...)
}

// at says where an object is that cannot be read.
func at(path string, err error) error { return &placedError{path, err} }

// placedError is an error about the object at a path from the root of the course.
type placedError struct {
	path string
	err  error
}

func (e *placedError) Error() string { return fmt.Sprintf("%q: %v", e.path, e.err) }
func (e *placedError) Unwrap() error { return e.err }
