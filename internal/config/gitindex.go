package config

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxIndex bounds how much of a git index is read, in bytes: a million files.
const maxIndex = 128 << 20

// trackedByGit reports whether the git repository around an absolute path tracks it. The index is read here rather than
// by the git program, which may be missing, and which runs hooks that the repository's owner chose. An index that
// cannot be read counts as no.
func trackedByGit(path string) bool {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	top, gitDir := repository(filepath.Dir(path))
	if gitDir == "" {
		return false
	}
	rel, err := filepath.Rel(top, path)
	if err != nil {
		return false
	}
	f, err := os.Open(filepath.Join(gitDir, "index"))
	if err != nil {
		return false
	}
	defer f.Close()
	index, err := io.ReadAll(io.LimitReader(f, maxIndex))
	return err == nil && indexHas(index, filepath.ToSlash(rel))
}

// repository returns the top of the work tree that a directory is in, and where its index is.
func repository(dir string) (top, gitDir string) {
	for {
		dot := filepath.Join(dir, ".git")
		if info, err := os.Stat(dot); err == nil {
			if info.IsDir() {
				return dir, dot
			}
			return dir, linkedGitDir(dir, dot)
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", ""
		}
		dir = up
	}
}

// linkedGitDir reads the file that stands for .git in worktrees and submodules: "gitdir: PATH".
func linkedGitDir(dir, dot string) string {
	f, err := os.Open(dot)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 4096)) // half a line names no directory, which is then not found
	if path, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: "); ok {
		return resolve(dir, path)
	}
	return ""
}

// indexHas looks for a path in a git index (Documentation/gitformat-index): a header of 12 bytes, then entries of
// 40 bytes of file status, the object's digest (20 bytes, or 32 with SHA-256), 2 bytes of flags, 2 more when the flags
// say "extended", and the path. Versions 2 and 3 end an entry with 1 to 8 NUL bytes up to a multiple of 8; version 4
// writes how many bytes of the previous path to drop, what to append, and one NUL.
func indexHas(index []byte, path string) bool {
	for _, digest := range []int{20, 32} {
		if found, ok := walkIndex(index, path, digest); ok {
			return found
		}
	}
	return false
}

// walkIndex reports whether the path was found, and whether the index made sense with digests of that length.
func walkIndex(index []byte, path string, digest int) (found, ok bool) {
	if len(index) < 12 || string(index[:4]) != "DIRC" {
		return false, false
	}
	version, count := binary.BigEndian.Uint32(index[4:]), binary.BigEndian.Uint32(index[8:])
	rest, previous := index[12:], []byte(nil)
	for range count {
		head := 40 + digest + 2
		if len(rest) < head+1 {
			return false, false
		}
		if rest[head-2]&0x40 != 0 { // the flag "extended"
			head += 2
		}
		name, size, valid := entryName(rest, head, version, previous)
		if !valid {
			return false, false
		}
		if string(name) == path {
			return true, true
		}
		rest, previous = rest[size:], name
	}
	return false, true
}

// entryName returns the path of the first entry and the length of the whole entry.
func entryName(entry []byte, head int, version uint32, previous []byte) (name []byte, size int, ok bool) {
	if head >= len(entry) {
		return nil, 0, false
	}
	drop, text := 0, entry[head:]
	if version == 4 {
		n := 0
		if drop, n = offsetVarint(text); n == 0 || drop > len(previous) {
			return nil, 0, false
		}
		text, head = text[n:], head+n
	}
	end := bytes.IndexByte(text, 0)
	if end < 0 || end == 0 && version != 4 {
		return nil, 0, false
	}
	if version == 4 {
		return append(bytes.Clone(previous[:len(previous)-drop]), text[:end]...), head + end + 1, true
	}
	size = (head + end + 8) / 8 * 8
	return text[:end], size, size <= len(entry)
}

// offsetVarint reads git's variable-length number, in which each further byte adds one before it shifts.
func offsetVarint(b []byte) (value, n int) {
	for i, c := range b {
		if i == 5 {
			return 0, 0
		}
		if i > 0 {
			value++
		}
		value = value<<7 | int(c&0x7f)
		if c&0x80 == 0 {
			return value, i + 1
		}
	}
	return 0, 0
}
