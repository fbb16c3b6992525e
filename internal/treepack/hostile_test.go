package treepack_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/treepack"
)

// careless makes plain streams as Pack does, but checks nothing.
type careless struct {
	*store
	plain []byte
	files int32
}

func (c *careless) object(tag byte, content []byte) {
	c.plain = binary.BigEndian.AppendUint64(append(c.plain, tag), uint64(len(content)))
	c.plain = append(c.plain, content...)
}

func (c *careless) tree(raw []byte, entries []treepack.Entry) {
	c.object('t', raw)
	for _, e := range entries {
		switch {
		case e.Mode.Kind() == treepack.Dir:
			below, err := treepack.ParseTree(c.format, c.trees[e.ID])
			if err != nil {
				panic(err)
			}
			c.tree(c.trees[e.ID], below)
		case e.Mode.Kind() != treepack.Submodule:
			c.object('b', c.blobs[e.ID])
			c.files++
		}
	}
}

// forge packs a tree of entries that Pack would refuse. Its ids, sizes and sums are right.
func forge(t *testing.T, s *store, entries ...treepack.Entry) ([]byte, treepack.Part) {
	t.Helper()
	c := &careless{store: s, plain: fmt.Appendf(nil, "HFPK1t%d\n", s.format)}
	raw := treepack.AppendTree(nil, entries)
	c.tree(raw, entries)
	c.plain = append(c.plain, 'e')
	id := treepack.PartID{Kind: treepack.WholeTree, ID: s.raw(raw)}
	return recompress(t, c.plain), treepack.Part{ID: id, SHA256: sum(c.plain), Plain: int64(len(c.plain)), Files: c.files}
}

// E-59: a pack with every id and sum right, as a builder that has been broken into may sign it, still makes no file outside
// its directory, and no directory that nobody can walk.
func TestPacksThatNobodyShouldMakeAreRefused(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		s := newStore(f)
		fine, part := forge(t, s, s.file("a", "a"), s.dir("b", s.link("l", "x")))
		unpack(t, fine, part)
		nested := s.dir("d")
		for range 129 {
			nested = s.dir("d", nested)
		}
		deep := s.file("x", "x")
		for range 13 {
			deep = s.dir(strings.Repeat("n", 250), deep)
		}
		dev := treepack.Entry{Name: "dev", Mode: 0o060000, ID: s.blob("")}
		for what, entries := range map[string][]treepack.Entry{
			"parent":      {s.file("..", "x")},
			"slash":       {s.file("../x", "x")},
			"absolute":    {s.file("/etc/passwd", "x")},
			"git":         {s.file(".git", "x")},
			"NUL":         {s.link("l", "a\x00b")},
			"empty link":  {s.link("l", "")},
			"long link":   {s.link("l", strings.Repeat("x", 4096))},
			"device":      {dev},
			"too deep":    {nested},
			"long path":   {deep},
			"twice":       {s.file("a", "1"), s.file("a", "2")},
			"link/dir":    {s.link("a", "/etc"), s.dir("a", s.file("passwd", "x"))},
			"long name":   {s.file(strings.Repeat("n", 256), "x")},
			"inside .GIT": {s.dir(".GIT", s.file("config", "x"))},
		} {
			data, part := forge(t, s, entries...)
			wrong(t, what, data, part)
		}
	})
}

// A tree of many names, announced in a pack that has no room for their files, costs nothing but the tree.
func TestATreeWithMoreEntriesThanRoomIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA1)
	var files, dirs []treepack.Entry
	for i := range 1000 {
		files = append(files, s.file(fmt.Sprintf("%06d", i), ""))
		dirs = append(dirs, s.dir(fmt.Sprintf("%06d", i)))
	}
	for what, entries := range map[string][]treepack.Entry{"files": files, "directories": dirs} {
		plain := []byte("HFPK1t1\n")
		raw := treepack.AppendTree(nil, entries)
		plain = binary.BigEndian.AppendUint64(append(plain, 't'), uint64(len(raw)))
		plain = append(plain, raw...)
		part := treepack.Part{
			ID: treepack.PartID{Kind: treepack.WholeTree, ID: s.raw(raw)}, SHA256: sum(plain), Plain: int64(len(plain)), Files: 1000,
		}
		m := newMemory()
		if err := treepack.Unpack(bytes.NewReader(recompress(t, plain)), part, m); !errors.Is(err, treepack.ErrCorrupt) || len(m.files) != 0 {
			t.Errorf("%s: %v after %d files", what, err, len(m.files))
		}
	}
}

// Encoders and decoders are shared through pools: what one caller does, fails at or leaves must not reach another.
func TestPartsArePackedAndUnpackedAtOnce(t *testing.T) {
	t.Parallel()
	s := newStore(treepack.SHA256)
	var trees []treepack.ID
	for seed := range uint64(4) {
		trees = append(trees, s.random(rand.New(rand.NewPCG(seed, 1)), 60, 2000))
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 20 {
				id := treepack.PartID{Kind: treepack.WholeTree, ID: trees[(worker+i)%len(trees)]}
				var out bytes.Buffer
				part, err := treepack.Pack(context.Background(), &out, s, id, treepack.Limits{})
				if err != nil {
					t.Error(err)
					return
				}
				data := out.Bytes()
				if i%3 == 0 {
					err := treepack.Unpack(bytes.NewReader(data[:len(data)*2/3]), part, newMemory())
					if !errors.Is(err, treepack.ErrCorrupt) {
						t.Errorf("a truncated pack: %v", err)
					}
				}
				if err := treepack.Unpack(bytes.NewReader(data), part, newMemory()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
