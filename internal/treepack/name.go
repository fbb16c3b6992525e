package treepack

import (
	"strings"
	"unicode/utf8"
)

// maxName is the longest name of a file on the file systems that we know, in bytes.
const maxName = 255

// CheckName says why a name of a tree must not become the name of a file: it is empty, "." or "..", has a NUL or a
// slash or more than 255 bytes, or is ".git" for some file system (as git itself refuses it: in any case; on NTFS with
// dots, spaces or a stream behind it, or as its short name GIT~1; on HFS+ with code points inside that it ignores).
// Names are bytes and need not be UTF-8.
func CheckName(name string) error {
	switch {
	case name == "":
		return fail(ErrName, "an empty name is not allowed")
	case len(name) > maxName:
		return fail(ErrName, "a name of %d bytes is not allowed (%.40q…): the limit is %d", len(name), name, maxName)
	case name == "." || name == "..":
		return fail(ErrName, "the name %q is not allowed", name)
	case strings.IndexByte(name, 0) >= 0 || strings.IndexByte(name, '/') >= 0:
		return fail(ErrName, "the name %q is not allowed: it has a NUL or a slash", name)
	case looksLikeGit(name):
		return fail(ErrName, "the name %q is not allowed: a file system may take it for .git", name)
	}
	return nil
}

// looksLikeGit reports names that NTFS or HFS+ take for ".git". NTFS also takes a backslash for a slash.
func looksLikeGit(name string) bool {
	if hfsGit(name) {
		return true
	}
	for {
		if ntfsGit(name) {
			return true
		}
		_, rest, found := strings.Cut(name, `\`)
		if !found {
			return false
		}
		name = rest
	}
}

// ntfsGit reports names that begin with .git or git~1 and then have nothing but what NTFS drops: spaces and dots, up to
// the end, a backslash or the name of a stream.
func ntfsGit(name string) bool {
	rest, ok := cutFold(name, ".git")
	if !ok {
		rest, ok = cutFold(name, "git~1")
	}
	if !ok {
		return false
	}
	rest = strings.TrimLeft(rest, " .")
	return rest == "" || rest[0] == '\\' || rest[0] == ':'
}

// cutFold returns what follows an ASCII prefix, in any case, and whether it was there.
func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// hfsGit reports names that are .git for HFS+, which ignores some code points and case.
func hfsGit(name string) bool {
	const git = ".git"
	n := 0
	for i, width := 0, 0; i < len(name); i += width {
		var r rune
		r, width = utf8.DecodeRuneInString(name[i:])
		if ignoredByHFS(r) {
			continue
		}
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		if n == len(git) || r != rune(git[n]) {
			return false
		}
		n++
	}
	return n == len(git)
}

// ignoredByHFS reports the code points that HFS+ leaves out when it compares names (Apple TN1150).
func ignoredByHFS(r rune) bool {
	switch {
	case 0x200c <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e, 0x206a <= r && r <= 0x206f, r == 0xfeff:
		return true
	}
	return false
}
