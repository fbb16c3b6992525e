package treecache

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/treepack"
)

// What is in the directory of an object.
const (
	treeName  = "tree"  // the files
	markName  = "mark"  // empty; its links are counted, see the package comment
	partName  = "part"  // of a part: a symbolic link whose target tells the sum and sizes
	keptName  = "kept"  // of some parts: raw trees, treepack.Kept
	partsName = "parts" // of an assembled tree: links to the marks of its parts, by their names
	blobName  = "blob"  // in tree, of a part that is one file
)

// object is something that can be made: a part, or a tree assembled from parts.
type object struct {
	name  string
	piece treepack.Piece // of a part
	parts []object       // of an assembled tree, in the order of its pieces
	files int64
}

// objectOf returns the object that a chunk shows.
func objectOf(ch *Chunk) object {
	if len(ch.Pieces) == 1 && ch.Pieces[0].Path == "" && ch.Pieces[0].Part.ID.Kind == treepack.WholeTree {
		return partObject(ch.Pieces[0])
	}
	sum := sha256.New()
	o := object{parts: make([]object, 0, len(ch.Pieces))}
	for _, piece := range ch.Pieces {
		part := partObject(piece)
		fmt.Fprintf(sum, "%d:%s%s\n", len(piece.Path), piece.Path, part.name)
		o.parts = append(o.parts, part)
		o.files += part.files
	}
	o.name = "a1-" + ch.Tree.String() + "-" + hex.EncodeToString(sum.Sum(nil)[:8])
	return o
}

// partObject returns the object of a piece. One file as an executable and as a plain one are two objects, since all links of
// a file have the same mode.
func partObject(piece treepack.Piece) object {
	name := nameOf(piece.Part)
	if piece.Part.ID.Kind == treepack.BigBlob && piece.Mode.Kind() == treepack.Exec {
		name += "x"
	}
	return object{name: name, piece: piece, files: int64(piece.Part.Files)}
}

// nameOf returns the name of the object of a part: its id and 16 digits of its sum.
func nameOf(part treepack.Part) string {
	return part.ID.String() + "-" + hex.EncodeToString(part.SHA256[:8])
}

// objectPath returns a path in an object.
func (p *process) objectPath(name string, elem ...string) string {
	_, digits, _ := strings.Cut(name, "-")
	return below(below(p.o.Root, "objects", digits[:min(2, len(digits))], name), elem...)
}

// state is what the mark of an object tells.
type state struct {
	exists bool
	fresh  bool // verified in this era
	refs   uint64
	used   time.Time
	ino    uint64
}

func (p *process) look(name string) (state, error) {
	var st unix.Stat_t
	err := unix.Lstat(p.objectPath(name, markName), &st)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("look at %s: %w", name, err)
	}
	return stateOf(&st, p.era), nil
}

func stateOf(st *unix.Stat_t, era int64) state {
	return state{
		exists: true, fresh: st.Atim.Sec == era, refs: uint64(st.Nlink) - 1,
		used: time.Unix(st.Mtim.Unix()), ino: st.Ino,
	}
}

// pins are the objects that a call uses: nobody removes them until release. They are locks of one holder.
type pins struct{ *locks }

func (p *process) newPins() (pins, error) {
	l, err := openLocks(p.path("state", "locks"))
	return pins{l}, err
}

// release lets go of all of them.
func (k pins) release() { k.close() }

// provide returns when the object is there, verified and pinned. It is made with makeIt, which runs at most once at a time among all
// processes; goroutines of this process share its error. Whoever waits for one that was merely cancelled tries itself.
func (p *process) provide(ctx context.Context, k pins, name string, makeIt func(context.Context) error) error {
	for {
		ok, err := p.pinned(k, name)
		if ok || err != nil {
			return err
		}
		fl, first := p.makes.enter(name)
		if first {
			err := p.makeLocked(ctx, k, name, makeIt)
			p.makes.land(name, fl, err)
			return err
		}
		select {
		case <-fl.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if fl.err != nil && !isGivenUp(fl.err) {
			return fl.err
		}
	}
}

// isGivenUp reports errors that tell of the caller who got them and not of the work.
func isGivenUp(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrStopped)
}

// pinned pins an object that is there and verified.
func (p *process) pinned(k pins, name string) (bool, error) {
	s, err := p.look(name)
	if err != nil || !s.fresh {
		return false, err
	}
	ok, err := k.set(nameLock(name), shared)
	if !ok || err != nil {
		return false, err
	}
	if s, err = p.look(name); err != nil || !s.fresh {
		k.drop(nameLock(name))
		return false, err
	}
	return true, nil
}

// makeLocked makes the object under its lock, unless another process did meanwhile.
func (p *process) makeLocked(ctx context.Context, k pins, name string, makeIt func(context.Context) error) error {
	there := false
	err := poll(ctx, func() (ok bool, err error) {
		if there, err = p.pinned(k, name); there || err != nil {
			return there, err
		}
		return k.set(nameLock(name), exclusive)
	})
	if err != nil || there {
		return err
	}
	if s, err := p.look(name); err != nil || !s.fresh { // another may have made it before we had the lock
		if err == nil {
			err = makeIt(ctx)
		}
		if err != nil {
			k.drop(nameLock(name))
			return err
		}
	}
	_, err = k.set(nameLock(name), shared) // from exclusive: nobody comes in between
	return err
}

// finishObject puts the mark into a directory that is to become an object.
func (p *process) finishObject(dir string, b *budget) error {
	if err := b.take(p.file(0)); err != nil {
		return err
	}
	mark := filepath.Join(dir, markName)
	if err := p.empty(mark); err != nil {
		return err
	}
	return p.stamp(mark, p.era, time.Now())
}

// place gives a finished directory the name of the object. The caller holds the object's lock exclusively.
func (p *process) place(ctx context.Context, dir, name string, b *budget, tombs []string) error {
	g, err := p.pass(ctx)
	if err != nil {
		return err
	}
	defer g.close()
	if err := p.checkTombs(tombs...); err != nil {
		return err
	}
	if err := p.nameObject(dir, p.objectPath(name)); err != nil {
		return err
	}
	return b.commit()
}

// nameObject renames, also when the directory above is just being removed because it became empty.
func (p *process) nameObject(dir, to string) (err error) {
	for range 10 {
		if err := p.fan(filepath.Dir(to)); err != nil {
			return err
		}
		err = p.rename(dir, to)
		switch {
		case errors.Is(err, fs.ErrExist), errors.Is(err, unix.ENOTEMPTY): // of an earlier era, or without its mark
			if err := p.toTrash(to); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return err
}

// fan makes the directory above objects. It counts by itself, since it stays when the object comes to nothing.
func (p *process) fan(dir string) error {
	var st unix.Stat_t
	if unix.Lstat(dir, &st) == nil {
		return nil
	}
	b, err := p.reserveForEviction(p.dir())
	if err != nil {
		return err
	}
	return errors.Join(b.mkdirs(p.path("objects"), filepath.Base(dir)), b.commit())
}

// unname moves an object to trash, and removes the directory above if it was the last. The caller holds the object's lock exclusively and
// is past the gate.
func (p *process) unname(name string) error {
	path := p.objectPath(name)
	if err := p.toTrash(path); err != nil {
		return err
	}
	if p.remove(filepath.Dir(path)) != nil {
		return nil // others are in it
	}
	return p.credit(p.dir())
}

// describe encodes what is needed to hash a part again, short enough for a link that needs no block.
func describe(part treepack.Part) string {
	return base64.RawURLEncoding.EncodeToString(part.SHA256[:]) + "." + strconv.FormatInt(part.Plain, 36) + "." +
		strconv.FormatInt(int64(part.Files), 36)
}

// described is the reverse, for the object with the name.
func described(name, text string) (part treepack.Part, err error) {
	id := name
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		id = name[:i]
	}
	if part.ID, err = treepack.ParsePartID(id); err != nil {
		return part, err
	}
	fields := strings.Split(text, ".")
	if len(fields) != 3 {
		return part, fmt.Errorf("object %s: description %q", name, text)
	}
	sum, err := base64.RawURLEncoding.DecodeString(fields[0])
	if err != nil || len(sum) != len(part.SHA256) {
		return part, fmt.Errorf("object %s: description %q", name, text)
	}
	copy(part.SHA256[:], sum)
	plain, err := strconv.ParseInt(fields[1], 36, 64)
	if err != nil {
		return part, fmt.Errorf("object %s: description: %w", name, err)
	}
	files, err := strconv.ParseInt(fields[2], 36, 32)
	if err != nil {
		return part, fmt.Errorf("object %s: description: %w", name, err)
	}
	part.Plain, part.Files = plain, int32(files)
	return part, nil
}

// rehash proves a part again.
func (p *process) rehash(ctx context.Context, name string, part treepack.Part) error {
	raw, err := os.ReadFile(p.objectPath(name, keptName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	kept, err := treepack.ParseKept(raw)
	if err != nil {
		return err
	}
	dir := p.objectPath(name, treeName)
	if part.ID.Kind == treepack.BigBlob {
		dir = filepath.Join(dir, blobName)
	}
	return treepack.VerifyDir(ctx, dir, part, kept)
}
