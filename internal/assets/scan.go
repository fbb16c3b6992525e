package assets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/fault"
)

// racy is how young a file's times may be before they prove nothing: file systems count in steps of up to two seconds.
const racy = 2 * time.Second

// scanner finds the files below static.root that are assets.
type scanner struct {
	config Config
	root   *os.Root
	found  map[string]source // without digests
	notes  []Note
}

// scan walks the root. What cannot be an asset, and is not hidden or excluded, is noted.
func scan(ctx context.Context, c Config) (*scanner, error) {
	root, err := os.OpenRoot(c.Root)
	if err != nil {
		return nil, fault.New(fault.NotFound, "static_root", "open static.root: %w", err).
			WithHint("write the directory of the application's assets as static.root, and let Holdfast read it")
	}
	s := &scanner{config: c, root: root, found: map[string]source{}}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		return s.visit(name, d)
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read static.root: %w", err), root.Close())
	}
	s.dropVariants()
	return s, nil
}

// dropVariants forgets what a build tool compressed beside a file: variants are made anew. An archive with nothing beside
// it is an asset.
func (s *scanner) dropVariants() {
	for name := range s.found {
		for _, c := range codings() {
			delete(s.found, name+c.suffix())
		}
	}
}

func (s *scanner) visit(name string, d fs.DirEntry) error {
	switch {
	case name == ".":
		return nil
	case d.IsDir():
		if hidden(name) || excludedDir(path.Base(name)) {
			return fs.SkipDir
		}
		return nil
	case !s.config.isAsset(name):
		return nil
	case !servable(name):
		s.note(name, "", "its name cannot stand in a URL")
		return nil
	}
	info, err := s.root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && d.Type().IsRegular():
		return nil // gone meanwhile
	case err != nil && d.Type()&fs.ModeSymlink != 0:
		s.note(name, "", "it is a link that leads out of static.root or nowhere")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		s.note(name, "", "it is not a file")
	default:
		s.found[name] = stamp(info)
	}
	return nil
}

func (s *scanner) note(name, target, text string) {
	s.notes = append(s.notes, Note{File: name, Target: target, Text: text})
}

func stamp(info fs.FileInfo) source {
	out := source{Size: info.Size(), MTime: info.ModTime().UTC()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		out.Change, out.Inode = time.Unix(st.Ctim.Unix()).UTC(), st.Ino
	}
	return out
}

// isAsset reports whether the patterns make a file an asset.
func (c Config) isAsset(name string) bool {
	if hidden(name) || excludedFile(path.Base(name)) || patterns(c.Exclude).match(name) {
		return false
	}
	return len(c.Include) == 0 || patterns(c.Include).match(name)
}

// hidden reports whether a part of the name begins with a dot. .well-known is for everybody (RFC 8615).
func hidden(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part[0] == '.' && part != ".well-known" {
			return true
		}
	}
	return false
}

func excludedDir(base string) bool { return base == "node_modules" || base == "__pycache__" }

// excludedFile knows what hardly anybody means to publish: copies of editors, secrets, what is compiled on the server, the
// manifests of build tools.
func excludedFile(base string) bool {
	lower := strings.ToLower(base)
	switch lower {
	case "staticfiles.json", "asset-manifest.json", "assets-manifest.json", "mix-manifest.json", "thumbs.db", "desktop.ini",
		"package.json", "package-lock.json", "yarn.lock":
		return true
	}
	if strings.HasPrefix(base, "#") && strings.HasSuffix(base, "#") { // Emacs saves there
		return true
	}
	for _, end := range []string{
		"~", ".swp", ".swo", ".tmp", ".bak", ".orig", ".rej", ".pem", ".key", ".pyc", ".pyo", ".php", ".sqlite3", ".scss", ".sass", ".less",
	} {
		if strings.HasSuffix(lower, end) {
			return true
		}
	}
	return false
}

// servable reports whether a name can be told to browsers and written by any file system.
func servable(name string) bool {
	if !utf8.ValidString(name) || len(name) > 512 {
		return false
	}
	for _, r := range name {
		if r == '\\' || unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// read returns the content of a file below the root.
func (s *scanner) read(name string) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// digest returns the SHA-256 of a file below the root without holding it in memory.
func (s *scanner) digest(name string) (string, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func sum(content []byte) string {
	h := sha256.Sum256(content)
	return hex.EncodeToString(h[:])
}
