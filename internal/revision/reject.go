package revision

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// Codes of rejections and warnings, beside those of treepack (content_object_missing, content_bad_name, content_too_large …).
const (
	codeNotDirectory = "content_not_directory"       // a chunk's place is taken by something that is no directory
	codeNested       = "content_chunk_nested"        // a marker below the directory of a chunk
	codeAmbiguous    = "content_chunk_ambiguous"     // two directories have one key
	codeSubmodule    = "content_submodule"           // a submodule is no content
	codePointer      = "content_lfs_pointer"         // the file itself is not in the repository
	codeLinkLeaves   = "content_link_leaves"         // a symbolic link leaves the chunk, or the course
	codeLinkLoop     = "content_link_loop"           // symbolic links that lead to each other
	codeLinkTarget   = "content_link_target"         // a target that no link can have
	codeCollision    = "content_name_collision"      // warning: names that some file systems take for one
	codeAttributes   = "content_git_attributes"      // warning: attributes that a checkout would obey
	codeRequires     = "content_requires_unreadable" // warning: a file that names other chunks cannot be read
	codeGather       = "content_gather"              // warning: a file that cannot be gathered
)

// breach is an error that rejects a chunk.
type breach struct {
	path string // from the root of the course
	code string
	text string
}

func (b *breach) Error() string { return fmt.Sprintf("%q: %s", b.path, b.text) }

func breachf(path, code, format string, args ...any) error {
	return &breach{path: path, code: code, text: fmt.Sprintf(format, args...)}
}

// rejection turns an error about a chunk or directory into a rejection. It reports false for errors
// that are not the content's fault, such as a repository that cannot be read.
func rejection(err error, key, dir string) (Rejection, bool) {
	if b := (*breach)(nil); errors.As(err, &b) {
		return Rejection{Key: key, Dir: dir, Path: b.path, Code: b.code, Reason: b.text}, true
	}
	if !errors.Is(err, treepack.ErrMissing) && fault.KindOf(err) != fault.Invalid {
		return Rejection{}, false
	}
	path, reason := dir, err.Error()
	if p := (*placedError)(nil); errors.As(err, &p) {
		path, reason = p.path, p.err.Error()
	} else if p := (*treepack.PathError)(nil); errors.As(err, &p) {
		path, reason = join(dir, p.Path), p.Err.Error()
	}
	return Rejection{Key: key, Dir: dir, Path: path, Code: fault.CodeOf(err), Reason: reason}, true
}

func sortRejections(list []Rejection) []Rejection {
	slices.SortFunc(list, compareRejections)
	return slices.Compact(list)
}

func compareRejections(a, b Rejection) int {
	return cmp.Or(
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Dir, b.Dir), cmp.Compare(btoi(a.Kept), btoi(b.Kept)),
	)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
