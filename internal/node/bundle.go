package node

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/internal/fault"
)

const (
	// maxBundle bounds a bundle as JSON, in bytes.
	maxBundle = 8 << 20
	// LocalSuffix ends the names of configuration files that are one machine's own and not copied.
	LocalSuffix = ".local.toml"
)

// Bundle is what a new machine gets.
type Bundle struct {
	Config    string   `json:"config"`    // path of the configuration where it was made, absolute
	Directory bool     `json:"directory"` // the path is a directory of files
	Files     []File   `json:"files"`
	Notes     []Note   `json:"notes,omitempty"`
	Variables []string `json:"variables,omitempty"` // of the environment, that the configuration there was read with; names alone
	Version   string   `json:"version"`             // of Holdfast there
	_         struct{} // keyed
}

// File is one file of a bundle.
type File struct {
	// Name is relative to the directory of the configuration, or absolute for what lies elsewhere. That of a configuration that is one
	// file is "" .
	Name string      `json:"name"`
	Key  string      `json:"key,omitempty"` // the setting that names it; "" for the configuration itself
	Mode fs.FileMode `json:"mode"`
	Data []byte      `json:"data,omitempty"`
}

// Note is something to look at before the new machine is started.
type Note struct {
	Key  string `json:"key"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// String is the note for people.
func (n Note) String() string {
	if n.Hint == "" {
		return n.Key + ": " + n.Text
	}
	return n.Key + ": " + n.Text + " → " + n.Hint
}

// names returns the bundle without what the files hold.
func (b Bundle) names() Bundle {
	b.Files = slices.Clone(b.Files)
	for i := range b.Files {
		b.Files[i].Data = nil
	}
	return b
}

func (b Bundle) encode() ([]byte, error) {
	text, err := json.Marshal(b)
	if err == nil && len(text) > maxBundle {
		err = fault.New(fault.Full, "join_large", "the configuration and its files are larger than %d MiB", maxBundle>>20).
			WithHint("hand large files on by other means, and name them where they lie")
	}
	return text, err
}

// decodeBundle reads what a node sent. It was authentic, but what it names is checked all the same before anything is written.
func decodeBundle(text []byte) (Bundle, error) {
	var b Bundle
	if err := json.Unmarshal(text, &b); err != nil {
		return b, fault.New(fault.Invalid, "join_answer", "read bundle: %w", err)
	}
	if !filepath.IsAbs(b.Config) || len(b.Files) == 0 {
		return b, fault.New(fault.Invalid, "join_answer", "the bundle names no configuration")
	}
	for _, f := range b.Files {
		if err := b.checkName(f); err != nil {
			return b, fault.New(fault.Invalid, "join_answer", "file %q of the bundle: %w", f.Name, err)
		}
	}
	return b, nil
}

// checkName refuses names that lead somewhere else than they seem to.
func (b Bundle) checkName(f File) error {
	switch {
	case f.Key == "" && !b.Directory && f.Name == "":
		return nil
	case f.Key == "" && b.Directory && strings.HasSuffix(f.Name, ".toml") && f.Name == filepath.Base(f.Name) && !strings.HasPrefix(f.Name, "."):
		return nil
	case f.Key == "":
		return fmt.Errorf("it is no file of a configuration")
	case f.Name != filepath.Clean(f.Name) || !filepath.IsAbs(f.Name) && !filepath.IsLocal(f.Name) || strings.ContainsAny(f.Name, "\x00\n"):
		return fmt.Errorf("it is no plain path")
	}
	return nil
}

// Outside returns the files that lie outside of the configuration's directory.
func (b Bundle) Outside() []File {
	var out []File
	for _, f := range b.Files {
		if filepath.IsAbs(f.Name) {
			out = append(out, f)
		}
	}
	return out
}
