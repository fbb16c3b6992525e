package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/fault"
)

// maxFile is the largest configuration file, in bytes. Nobody writes more by hand, and it bounds what a wrong path costs.
const maxFile = 1 << 20

// None in place of a path means that there are no files: all settings come from the environment and the defaults.
const None = "none"

// Find returns the path of the configuration: the one that was named, else HOLDFAST_CONFIG, else ./holdfast.toml, else
// /etc/holdfast/holdfast.toml, else the directory /etc/holdfast when it holds any *.toml.
func Find(named string, environ []string) (string, error) {
	if named == "" {
		named = lookup(environ, "HOLDFAST_CONFIG")
	}
	if named != "" {
		return named, nil
	}
	places := []string{"holdfast.toml", "/etc/holdfast/holdfast.toml"}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	const dir = "/etc/holdfast"
	if files, err := filesOf(dir); err == nil && len(files) > 0 {
		return dir, nil
	}
	return "", fault.New(fault.Config, "config_missing", "no configuration: neither %s exists", strings.Join(places, " nor ")).
		WithHint("make one with: holdfast init; or name one with --config or HOLDFAST_CONFIG")
}

// filesOf returns the files of a configuration: the path itself, or the *.toml of a directory in name order.
func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".toml") && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(path, name))
		}
	}
	return files, nil
}

// dirOf returns the directory at which relative paths start.
func dirOf(path string) (string, error) {
	if path == None {
		return os.Getwd()
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(abs); err == nil && info.IsDir() {
		return abs, nil
	}
	return filepath.Dir(abs), nil
}

// missing explains why a configuration cannot be opened.
func missing(path string, err error) error {
	e := fault.New(fault.Config, "config_missing", "read configuration %s: %w", path, withoutPath(err))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return e.WithHint("make one with: holdfast init; or name another with --config or HOLDFAST_CONFIG")
	case errors.Is(err, fs.ErrPermission):
		return e.WithHint("run the command as the user that runs holdfast serve, or as root")
	}
	return e
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("larger than %d bytes: not a configuration", maxFile)
	}
	return text, err
}
