package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
)

// PlaceOptions say where a bundle goes.
type PlaceOptions struct {
	Config  string // file or directory of the configuration; "" where it was made
	Force   bool   // overwrite
	Outside bool   // write files outside of the configuration's directory, too
}

// Placed is what was written.
type Placed struct {
	Config  string   `json:"config"`
	Written []string `json:"written"`
	Kept    []string `json:"kept"` // were there already, with the same bytes
}

// place is a file and where it goes.
type place struct {
	File
	path string
}

// places decides where the files go, secrets first and the configuration last.
func (b Bundle) places(o PlaceOptions) (config string, all []place, err error) {
	if config, err = filepath.Abs(o.Config); o.Config == "" {
		config = b.Config
	} else if err != nil {
		return "", nil, err
	}
	dir := config
	if info, err := os.Stat(config); !b.Directory && err == nil && info.IsDir() {
		config = filepath.Join(config, filepath.Base(b.Config))
	}
	if !b.Directory {
		dir = filepath.Dir(config)
	}
	for _, f := range b.Files {
		p := place{f, f.Name}
		switch {
		case f.Name == "":
			p.path = config
		case !filepath.IsAbs(f.Name):
			p.path = filepath.Join(dir, f.Name)
		case !o.Outside:
			return "", nil, fault.New(fault.Denied, "join_outside", "%s names a file outside of the configuration's directory: %s", f.Key, f.Name).
				WithHint("nothing was written; if it belongs there on this machine too, say so with --outside")
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(a, b place) int { return rank(a.File) - rank(b.File) })
	for i, p := range all {
		if slices.ContainsFunc(all[:i], func(q place) bool { return q.path == p.path }) {
			return "", nil, fault.New(fault.Invalid, "join_answer", "the bundle has %s twice", p.path)
		}
	}
	return config, all, nil
}

func rank(f File) int {
	if f.Key == "" {
		return 1
	}
	return 0
}

// Check reports what keeps a bundle from being written, by the names of its files.
func (b Bundle) Check(o PlaceOptions) error {
	_, all, err := b.places(o)
	if err != nil || o.Force {
		return err
	}
	for _, p := range all {
		if _, err := os.Lstat(p.path); err == nil {
			return exists(p.path)
		}
	}
	return nil
}

func exists(path string) error {
	return fault.New(fault.Conflict, "config_exists", "%s exists already", path).
		WithHint("nothing was written; to replace what this machine has: --force; to join beside it: --config PATH")
}

// Place writes a bundle. What it wrote is taken away again when a file cannot be written; what it replaced is not brought back.
func (b Bundle) Place(o PlaceOptions) (Placed, error) {
	config, all, err := b.places(o)
	done := Placed{Config: config, Written: []string{}, Kept: []string{}}
	if err != nil {
		return done, err
	}
	var fresh []string
	for _, p := range all {
		kept, made, err := p.write(o.Force)
		if err != nil {
			for _, path := range slices.Backward(fresh) {
				err = errors.Join(err, os.Remove(path))
			}
			return done, err
		}
		if made {
			fresh = append(fresh, p.path)
		}
		if kept {
			done.Kept = append(done.Kept, p.path)
		} else {
			done.Written = append(done.Written, p.path)
		}
	}
	return done, nil
}

// write writes one file: kept says that it was there, made that there was none.
func (p place) write(force bool) (kept, made bool, err error) {
	folder := fs.FileMode(0o755)
	if p.Key != "" {
		folder = 0o700
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Dir(p.path)), 0o755); err != nil {
		return false, false, cannotWrite(err)
	}
	if err := os.MkdirAll(filepath.Dir(p.path), folder); err != nil {
		return false, false, cannotWrite(err)
	}
	err = atomicfile.WriteNew(p.path, p.Data, p.mode())
	switch {
	case err == nil:
		return false, true, nil
	case !errors.Is(err, fs.ErrExist):
		return false, false, cannotWrite(err)
	}
	if have, err := os.ReadFile(p.path); err == nil && bytes.Equal(have, p.Data) {
		return true, false, nil
	}
	if !force {
		return false, false, exists(p.path)
	}
	if err := atomicfile.WriteFile(p.path, p.Data, p.mode()); err != nil {
		return false, false, cannotWrite(err)
	}
	return false, false, nil
}

// mode is for the owner alone, but that a configuration may be read by whom it may be read by there.
func (p place) mode() fs.FileMode {
	if p.Key == "" {
		return 0o600 | p.Mode.Perm()&0o044
	}
	return 0o600
}

func cannotWrite(err error) error {
	e := fault.New(fault.Internal, "join_write", "join: %w", err)
	if errors.Is(err, fs.ErrPermission) {
		e.Kind = fault.Denied
		return e.WithHint("run it as a user that may write there, or choose another place with --config")
	}
	return fmt.Errorf("%w", e)
}
