package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/objects"
)

// Export writes the objects of a bucket under their plain names: by hard link where the blobs are files on the same
// file system, which costs no space and no time, else by copying. The directory belongs to the administrator; no key
// leads out of it. report is told of progress and of every key that could not be written.
func (f *Files) Export(ctx context.Context, r ExportRequest, report func(ExportEvent)) error {
	e, err := f.newExport(r, report)
	if err != nil {
		return err
	}
	defer e.root.Close()
	q := objects.ListQuery{Bucket: r.Bucket, Prefix: r.Prefix, Limit: maxPage}
	for {
		page, err := f.index.List(ctx, q)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			if err := e.write(ctx, o); err != nil {
				return fmt.Errorf("export %s/%s: %w", o.Bucket, o.Key, err)
			}
		}
		report(e.total)
		if page.Next == "" {
			break
		}
		q.After = page.Next
	}
	if err := e.sync(); err != nil {
		return err
	}
	e.total.Done = true
	report(e.total)
	return nil
}

// export is one run.
type export struct {
	files  *Files
	dir    string
	root   *os.Root
	linker blob.Linker // nil: copy
	resume bool
	total  ExportEvent
	report func(ExportEvent)
}

func (f *Files) newExport(r ExportRequest, report func(ExportEvent)) (*export, error) {
	if !filepath.IsAbs(r.Directory) {
		return nil, fault.New(fault.Usage, "export_directory", "directory %q is not absolute", r.Directory)
	}
	if err := os.MkdirAll(r.Directory, 0o750); err != nil {
		return nil, notOurs(fmt.Errorf("make export directory: %w", err))
	}
	if err := unix.Access(r.Directory, unix.W_OK|unix.X_OK); err != nil {
		return nil, notOurs(fmt.Errorf("write to export directory %s: %w", r.Directory, err))
	}
	root, err := os.OpenRoot(r.Directory)
	if err != nil {
		return nil, notOurs(fmt.Errorf("open export directory: %w", err))
	}
	e := &export{files: f, dir: r.Directory, root: root, resume: r.Resume, report: report}
	if linker, ok := blob.As[blob.Linker](f.store); ok && !r.Copy {
		e.linker = linker
	}
	if names, err := fs.ReadDir(root.FS(), "."); err != nil || len(names) > 0 && !r.Resume {
		root.Close()
		return nil, errors.Join(err, fault.New(fault.Conflict, "export_not_empty", "directory %s is not empty", r.Directory).
			WithHint("name an empty directory, or go on with an interrupted export by --resume"))
	}
	return e, nil
}

// notOurs tells of a directory that the daemon's account may not write to: under systemd that is all but its own.
func notOurs(err error) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return err
	}
	return fault.New(fault.Denied, "export_directory", "%w", err).
		WithHint("the running Holdfast writes it, under its own account: name a directory below paths.state (holdfast paths), and move it from there")
}

// write puts one object where its key says. The error ends the run; what concerns the one key only is reported.
func (e *export) write(ctx context.Context, o objects.Object) error {
	rel, reason := exportName(o.Key)
	if reason != "" {
		return e.skip(o.Key, reason)
	}
	if err := e.root.MkdirAll(path.Dir(rel), 0o750); err != nil {
		if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
			return e.skip(o.Key, "another key is a file where this one needs a directory")
		}
		return err
	}
	st, err := e.root.Lstat(rel)
	if err == nil {
		err = e.there(ctx, o, rel, st)
	} else {
		err = e.place(ctx, o, rel)
	}
	switch {
	case gone(err):
		return e.skip(o.Key, "deleted or replaced meanwhile")
	case errors.Is(err, syscall.ENAMETOOLONG):
		return e.skip(o.Key, "the name is too long for this file system")
	}
	return err
}

func (e *export) place(ctx context.Context, o objects.Object, rel string) error {
	if e.linker != nil {
		err := e.linker.Link(ctx, o.Blob.BlobName(), filepath.Join(e.dir, rel))
		if err == nil {
			e.count(o, &e.total.Linked)
			return nil
		}
		if !e.cannotLink(err) {
			return err
		}
	}
	if err := e.copy(ctx, o, rel); err != nil {
		return err
	}
	e.count(o, &e.total.Copied)
	return nil
}

// copy writes beside the name and renames, so that an interrupted export leaves no half file under a plain name.
func (e *export) copy(ctx context.Context, o objects.Object, rel string) (err error) {
	b, err := e.files.store.Open(ctx, o.Blob.BlobName())
	if err != nil {
		return err
	}
	defer b.Close()
	temp := path.Join(path.Dir(rel), fmt.Sprintf(".export-%x", o.Blob))
	out, err := e.root.OpenFile(temp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = e.root.Remove(temp) // what is left begins with a dot and is written anew on resume
		}
	}()
	_, err = io.Copy(out, b)
	if err = errors.Join(err, out.Close()); err != nil {
		return fullDisk(err)
	}
	if err = e.root.Chtimes(temp, o.Created, o.Created); err != nil {
		return err
	}
	return e.root.Rename(temp, rel)
}

// fullDisk gives an error of a disk without room its kind.
func fullDisk(err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	return fault.New(fault.Full, "disk_full", "%w", err).WithHint("make room in the directory of the export, and go on with --resume")
}

func (e *export) count(o objects.Object, how *int64) {
	*how++
	e.total.Objects++
	e.total.Bytes += o.Size
}

func (e *export) skip(key, reason string) error {
	event := e.total
	event.Skipped, event.Reason = key, reason
	e.report(event)
	return nil
}

// sync makes what was written durable before "done" is said.
func (e *export) sync() error {
	d, err := e.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync %s: %w", e.dir, err)
	}
	return nil
}

// exportName turns a key into a path below the directory, or says why it cannot be one.
func exportName(key string) (rel, reason string) {
	if strings.HasSuffix(key, "/") {
		return "", "the key names a directory"
	}
	for seg := range strings.SplitSeq(key, "/") {
		switch {
		case seg == "" || seg == "." || seg == "..":
			return "", "the key has an empty segment, . or .."
		case strings.HasPrefix(seg, ".export-"):
			return "", "the name is one that an export uses itself"
		case len(seg) > 255:
			return "", "a segment of the key is longer than 255 bytes"
		case strings.IndexByte(seg, 0) >= 0:
			return "", "the key has a NUL"
		}
	}
	return key, ""
}
