package treecache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// What is in a view besides the course.
const (
	leaseName   = ".lease"
	inside      = ".holdfast" // directory of markers
	factsName   = ".facts"    // in inside: which chunks were ever shown, one line each
	goneName    = ".gone"     // in inside: batches on their way out
	retiredName = ".retired"  // in inside: there when the view is superseded
)

// maxMarker is the longest name of a marker that is spelt out.
const maxMarker = 200

// MarkerName returns the name of the marker of a chunk in <view>/.holdfast: the key with every byte but A-Z a-z 0-9 - . _ ~ as %XX,
// as encodeURIComponent and urllib.parse.quote(key, safe="") do it (the former leaves !'()* alone: those are encoded, too). A name above 200
// bytes, or one that would begin with a dot, is "~" and the SHA-256 of the key in hex instead.
func MarkerName(key string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	name := b.String()
	if name == "" || name[0] == '.' || name[0] == '~' || len(name) > maxMarker {
		sum := sha256.Sum256([]byte(key))
		return "~" + hex.EncodeToString(sum[:])
	}
	return name
}

// maxSource is the longest name of a source, with the mark of a variant.
const maxSource = 96

// check refuses what cannot be a view.
func (v View) check() error {
	ok := len(v.Source) > 0 && len(v.Source) <= maxSource && v.Source[0] != '.'
	for i := range len(v.Source) {
		c := v.Source[i]
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._", c) >= 0)
	}
	if !ok || v.Commit.IsZero() {
		return fault.New(fault.Usage, "content_bad_view", "view of source %q, commit %q: no such name is allowed", v.Source, v.Commit)
	}
	return nil
}

// check refuses chunks that would lie outside their view, or in our own files.
func (ch *Chunk) check() error {
	bad := func(why string) error {
		return fault.New(fault.Invalid, "content_bad_chunk", "chunk %q at %q: %s", ch.Key, ch.Path, why)
	}
	if ch.Key == "" || ch.Tree.IsZero() || len(ch.Pieces) == 0 {
		return bad("it has no key, no tree or no parts")
	}
	if err := checkPath(ch.Path); err != nil {
		return bad(err.Error())
	}
	for _, piece := range ch.Pieces {
		if err := checkPath(piece.Path); err != nil {
			return bad(err.Error())
		}
		if piece.Part.ID.ID.IsZero() || piece.Part.SHA256 == [32]byte{} || piece.Part.Plain < 0 || piece.Part.Files < 0 {
			return bad("a part is not described")
		}
		if piece.Part.ID.Kind == treepack.BigBlob && piece.Path == "" {
			return bad("a file in the place of its directory")
		}
	}
	if first, _, _ := strings.Cut(ch.Path, "/"); first == leaseName || first == inside {
		return bad("the name " + first + " is taken")
	}
	return nil
}

func checkPath(path string) error {
	if path == "" {
		return nil
	}
	for _, name := range strings.Split(path, "/") {
		if err := treepack.CheckName(name); err != nil {
			return err
		}
	}
	return nil
}

// viewName is the view's path below views, and the name of its lock.
func (v View) name() string { return v.Source + "/" + v.Commit.String() }

func (p *process) viewPath(v View, elem ...string) string {
	return below(below(p.o.Root, "views", v.Source, v.Commit.String()), elem...)
}

func (p *process) markerPath(v View, key string) string {
	return p.viewPath(v, inside, MarkerName(key))
}

// shows reports whether the marker of a chunk is there.
func (p *process) shows(v View, key string) bool {
	var st unix.Stat_t
	return unix.Lstat(p.markerPath(v, key), &st) == nil
}

// lockView excludes others from changing the view.
func (p *process) lockView(ctx context.Context, v View) (unlock func(), err error) {
	leave, err := p.views.lock(ctx, v.name())
	if err != nil {
		return nil, err
	}
	l, err := openLocks(p.path("state", "locks"))
	if err != nil {
		leave()
		return nil, err
	}
	if err := l.take(ctx, nameLock("views/"+v.name()), exclusive); err != nil {
		l.close()
		leave()
		return nil, err
	}
	return func() { l.close(); leave() }, nil
}

// tryView is lockView for those who must not wait.
func (p *process) tryView(v View) (unlock func(), ok bool) {
	leave, ok := p.views.try(v.name())
	if !ok {
		return nil, false
	}
	l, err := openLocks(p.path("state", "locks"))
	if err == nil {
		if ok, err = l.set(nameLock("views/"+v.name()), exclusive); ok && err == nil {
			return func() { l.close(); leave() }, true
		}
		l.close()
	}
	leave()
	return nil, false
}

// makeView makes what is missing of an empty view. The caller has the view's lock and is past the gate.
func (p *process) makeView(v View, b *budget) error {
	if err := b.mkdirs(p.path("views"), v.name()+"/"+inside); err != nil {
		return err
	}
	lease := p.viewPath(v, leaseName)
	var st unix.Stat_t
	if unix.Lstat(lease, &st) == nil {
		return nil
	}
	return b.spend(p.file(0), func() error { return p.empty(lease) })
}

// show links a chunk into the view and then makes its marker. The caller has the view's lock, is past the gate, has the object pinned and
// the fact written.
func (p *process) show(v View, ch *Chunk, b *budget) error {
	name := objectOf(ch).name
	at := p.viewPath(v, ch.Path)
	if ch.Whole && ch.Path != "" {
		done, err := p.showWhole(v, ch.Path, name, at, b)
		if err != nil {
			return err
		}
		if done { // not without its link: the view holds the object by nothing else
			return exists(b.spend(p.name(), func() error { return p.link(p.objectPath(name, markName), p.markerPath(v, ch.Key)) }))
		}
	}
	if ch.Path != "" {
		if err := p.unlinkWhole(at); err != nil {
			return err
		}
	}
	if err := b.mkdirs(p.viewPath(v), ch.Path); err != nil {
		return err
	}
	from := p.objectPath(name, treeName)
	if err := p.guardNames(ch, from); err != nil {
		return err
	}
	if err := p.linkTree(b, from, at); err != nil {
		return err
	}
	return p.linkMark(b, name, p.markerPath(v, ch.Key))
}

// guardNames refuses a course whose root has our names.
func (p *process) guardNames(ch *Chunk, from string) error {
	if ch.Path != "" {
		return nil
	}
	for _, name := range []string{leaseName, inside} {
		var st unix.Stat_t
		if unix.Lstat(filepath.Join(from, name), &st) == nil {
			return fault.New(fault.Invalid, "content_bad_chunk", "chunk %q: the name %q at the root of a course is taken", ch.Key, name)
		}
	}
	return nil
}

// showWhole makes one relative link to the object. It reports false when a directory is in the way: then files are linked into that.
func (p *process) showWhole(v View, path, name, at string, b *budget) (bool, error) {
	if err := b.mkdirs(p.viewPath(v), filepath.Dir(path)); err != nil {
		return false, err
	}
	target, err := filepath.Rel(filepath.Dir(at), p.objectPath(name, treeName))
	if err != nil {
		return false, err
	}
	var st unix.Stat_t
	if unix.Lstat(at, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return false, nil
	}
	if there, err := os.Readlink(at); err == nil && there == target {
		return true, nil
	}
	if err := p.unlinkWhole(at); err != nil {
		return false, err
	}
	return true, b.spend(p.linkTo(target), func() error { return p.symlink(target, at) })
}

// unlinkWhole removes what a chunk left that was shown as a link.
func (p *process) unlinkWhole(at string) error {
	if _, err := os.Readlink(at); err != nil {
		return nil
	}
	return p.toTrash(at)
}

// fact is a line of .facts: where a chunk of the view lies, and which object it is made of. Facts never change.
type fact struct{ key, path, object string }

func (f fact) line() string {
	return strconv.Quote(f.key) + " " + strconv.Quote(f.path) + " " + f.object + "\n"
}

// addFacts notes chunks that are about to be shown, as far as that was not done before. A line that a dead process left half is ended first.
func (p *process) addFacts(v View, chunks []Chunk, b *budget) error {
	path := p.viewPath(v, inside, factsName)
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(old)) {
		known[line] = true
	}
	var text strings.Builder
	if len(old) > 0 && old[len(old)-1] != '\n' {
		text.WriteByte('\n')
	}
	for i := range chunks {
		f := fact{key: chunks[i].Key, path: chunks[i].Path, object: objectOf(&chunks[i]).name}
		if line := f.line(); !known[line] {
			text.WriteString(line)
		}
	}
	if text.Len() == 0 {
		return nil
	}
	before, after := p.file(int64(len(old))), p.file(int64(len(old)+text.Len()))
	if err != nil { // there is no file yet
		before = usage{}
	}
	return b.spend(after.minus(before), func() error { return p.appendFacts(path, int64(len(old)), text.String()) })
}

// appendFacts leaves the file as it was when it fails.
func (p *process) appendFacts(path string, size int64, text string) error {
	if err := p.step("write", path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	switch {
	case err != nil && size == 0:
		err = errors.Join(err, os.Remove(path))
	case err != nil:
		err = errors.Join(err, file.Truncate(size))
	}
	return errors.Join(err, file.Close())
}

// facts returns what is known of a view, by marker.
func (p *process) facts(v View) (map[string]fact, error) {
	text, err := os.ReadFile(p.viewPath(v, inside, factsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := map[string]fact{}
	for line := range strings.Lines(string(text)) {
		if f, ok := parseFact(line); ok {
			all[MarkerName(f.key)] = f
		}
	}
	return all, nil
}

func parseFact(line string) (f fact, ok bool) {
	if !strings.HasSuffix(line, "\n") {
		return f, false
	}
	rest := line[:len(line)-1]
	for _, field := range []*string{&f.key, &f.path} {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return f, false
		}
		if *field, err = strconv.Unquote(quoted); err != nil {
			return f, false
		}
		if rest, ok = strings.CutPrefix(rest[len(quoted):], " "); !ok {
			return f, false
		}
	}
	f.object = rest
	return f, f.object != ""
}
