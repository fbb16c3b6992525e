package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/secret"
)

// maxSecret is the longest secret that a file may hold, in bytes.
const maxSecret = 64 << 10

// readSecrets fills the secrets that are given by file. Relative names start at dir.
func (d *decoder) readSecrets(dir string) {
	for _, s := range d.secrets {
		path := resolve(dir, s.name)
		value, err := readSecret(path)
		if err != nil {
			d.problem(s.key+fileSuffix, s.origin, fmt.Sprintf("read %s: %v", path, err),
				"put the secret alone into that file, readable by the user that runs Holdfast")
			continue
		}
		*s.target = value
	}
	for _, store := range d.restore {
		store()
	}
}

// secretPaths returns the absolute path of each secret that is given by file.
func (d *decoder) secretPaths(dir string) map[string]string {
	paths := make(map[string]string, len(d.secrets))
	for _, s := range d.secrets {
		paths[s.key] = resolve(dir, s.name)
	}
	return paths
}

// readSecret returns the content of a file without the newline that editors put at the end.
func readSecret(path string) (secret.String, error) {
	info, err := os.Stat(path)
	if err != nil {
		return secret.String{}, withoutPath(err)
	}
	if !info.Mode().IsRegular() {
		return secret.String{}, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return secret.String{}, withoutPath(err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return secret.String{}, withoutPath(err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case strings.TrimSpace(value) == "":
		return secret.String{}, errors.New("empty")
	case len(text) > maxSecret:
		return secret.String{}, fmt.Errorf("larger than %d bytes", maxSecret)
	}
	return secret.New(value), nil
}

// withoutPath drops the path of an error whose reader names it already.
func withoutPath(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// resolve makes a path that was written in a configuration absolute to its directory.
func resolve(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
