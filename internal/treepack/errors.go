package treepack

import (
	"errors"
	"fmt"

	"holdfast/internal/fault"
)

// Sentinels for errors.Is; what is returned carries more.
var (
	// ErrMissing: the source does not have the object. A clone can lack some; whoever builds a revision rejects the
	// chunk and keeps the old one.
	ErrMissing = fault.New(fault.NotFound, "content_object_missing", "the repository does not have the object")
	// ErrObject: the source gave bytes that do not hash to the id.
	ErrObject = fault.New(fault.Invalid, "content_object_corrupt", "the bytes of the object do not match its id")
	// ErrTree: the bytes are not a tree that git would write.
	ErrTree = fault.New(fault.Invalid, "content_bad_tree", "malformed tree")
	// ErrName: a name that must not become a file (CheckName).
	ErrName = fault.New(fault.Invalid, "content_bad_name", "name not allowed")
	// ErrMode: a mode that is neither file, link, directory nor submodule.
	ErrMode = fault.New(fault.Invalid, "content_bad_mode", "unknown mode")
	// ErrLink: a symbolic link that no file system can hold.
	ErrLink = fault.New(fault.Invalid, "content_bad_link", "link not allowed")
	// ErrTooLarge: more bytes than the limits allow, in one blob or tree or in all.
	ErrTooLarge = fault.New(fault.Invalid, "content_too_large", "too large")
	// ErrTooManyFiles: more files and links than the limits allow.
	ErrTooManyFiles = fault.New(fault.Invalid, "content_too_many_files", "too many files")
	// ErrTooDeep: more directories inside each other, or a longer path, than the limits allow.
	ErrTooDeep = fault.New(fault.Invalid, "content_too_deep", "too deep")
	// ErrCorrupt: a pack, or a directory that was unpacked, is not what was announced.
	ErrCorrupt = fault.New(fault.Invalid, "content_corrupt", "not what was announced")
)

// fail returns an error of the sentinel's kind, code and hint with words of its own, formatted like fmt.Errorf.
func fail(like *fault.Error, format string, args ...any) error {
	e := *like
	e.Err = fmt.Errorf(format, args...)
	return &e
}

// corrupt returns an ErrCorrupt with words of its own.
func corrupt(format string, args ...any) error { return fail(ErrCorrupt, format, args...) }

// refuse makes a rule that the content of a pack breaks an ErrCorrupt: no such pack is made.
func refuse(err error) error { return corrupt("pack: %w", err) }

// PathError says where below the chunk or part an error arose.
type PathError struct {
	Path string // "" is the root
	Err  error
}

// Error returns the path, quoted because it may be any bytes, and the cause.
func (e *PathError) Error() string { return fmt.Sprintf("%q: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// at adds the path to an error that does not have one yet.
func at(path string, err error) error {
	if err == nil {
		return nil
	}
	if e := (*PathError)(nil); errors.As(err, &e) {
		return err
	}
	return &PathError{Path: path, Err: err}
}

// PathOf returns the path that an error of Plan, Pack, Unpack or VerifyDir names, or "".
func PathOf(err error) string {
	if e := (*PathError)(nil); errors.As(err, &e) {
		return e.Path
	}
	return ""
}
