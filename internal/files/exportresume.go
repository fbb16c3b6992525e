package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"holdfast/internal/objects"
)

// there decides about a name that is taken. An export that goes on takes a file of the object's size for its own, and replaces it
// when the object was replaced since. A file of another size may be somebody else's: it is told and left alone.
func (e *export) there(ctx context.Context, o objects.Object, rel string, st fs.FileInfo) error {
	switch {
	case !e.resume:
		return e.skip(o.Key, "the name is taken")
	case !st.Mode().IsRegular() || st.Size() != o.Size:
		return e.skip(o.Key, "the name is taken by something of another size, an older content or not ours: remove it to have it exported")
	}
	done, err := e.relink(ctx, o, rel, st)
	if done || err != nil {
		return err
	}
	same, err := e.current(o, rel, st)
	if err != nil {
		return err
	}
	if same {
		e.total.Kept++
		return nil
	}
	if err := e.copy(ctx, o, rel); err != nil {
		return err
	}
	e.count(o, &e.total.Copied)
	return nil
}

// relink makes sure that the name leads to the object's own file, and reports whether it could: not where files are copied. A
// second link under another name tells whether the first is the same file, and takes its place when it is not.
func (e *export) relink(ctx context.Context, o objects.Object, rel string, st fs.FileInfo) (bool, error) {
	if e.linker == nil {
		return false, nil
	}
	// Never the name of a file that copy writes: what it truncates must not be the stored file.
	temp := path.Join(path.Dir(rel), fmt.Sprintf(".export-link-%x", o.Blob))
	if err := e.root.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	err := e.linker.Link(ctx, o.Blob.BlobName(), filepath.Join(e.dir, temp))
	if e.cannotLink(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	fresh, err := e.root.Lstat(temp)
	if err == nil && os.SameFile(fresh, st) {
		e.total.Kept++
		return true, e.root.Remove(temp) // renaming one link of a file over another does nothing
	}
	if err == nil {
		err = e.root.Rename(temp, rel)
	}
	if err != nil {
		return false, errors.Join(err, e.root.Remove(temp))
	}
	e.count(o, &e.total.Linked)
	return true, nil
}

// cannotLink reports whether an error of Link says that the file has to be copied, and remembers it if that holds for all.
func (e *export) cannotLink(err error) bool {
	if errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EPERM) {
		e.linker = nil // another file system, or one without hard links
		return true
	}
	return errors.Is(err, syscall.EMLINK)
}

// current reports whether a file of the object's size holds its content. A copy has the time at which the object was written; where
// that is lost, the bytes are read.
func (e *export) current(o objects.Object, rel string, st fs.FileInfo) (bool, error) {
	if st.ModTime().Equal(o.Created) {
		return true, nil
	}
	if len(o.Digests.SHA256) == 0 {
		return false, nil
	}
	f, err := e.root.Open(rel)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return false, err
	}
	return bytes.Equal(sum.Sum(nil), o.Digests.SHA256), nil
}
