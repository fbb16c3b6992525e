package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/demo"
)

// asset is the stylesheet as it is built.
type asset struct {
	dir         string // with the hashed name and its .gz: what every server serves
	path        string // on every server
	plain, gzip int64
}

// newAsset writes the stylesheet, and tells the Holdfast that is started next where it is and where what is built of it goes.
func newAsset(dir string) (*asset, error) {
	root := filepath.Join(dir, "static")
	a := &asset{dir: filepath.Join(dir, "assets")}
	source := filepath.Join(root, demo.StylesheetName)
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(source, demo.Stylesheet(), 0o644); err != nil {
		return nil, err
	}
	return a, setAll(map[string]string{"HOLDFAST_STATIC__ROOT": root, "HOLDFAST_STATIC__OUTPUT": a.dir})
}

// find asks the running Holdfast for the name, and looks at what it built.
func (a *asset) find(ctx context.Context, h *holdfast) error {
	url, err := h.command(ctx, "assets", "url", demo.StylesheetName)
	if err != nil {
		return err
	}
	a.path = strings.TrimSpace(url)
	for suffix, size := range map[string]*int64{"": &a.plain, ".gz": &a.gzip} {
		info, err := os.Stat(filepath.Join(a.dir, strings.TrimPrefix(a.path, "/static/")+suffix))
		if err != nil {
			return err
		}
		*size = info.Size()
	}
	return nil
}

// setAll sets variables of the environment, for all programs that are started later.
func setAll(values map[string]string) error {
	for name, value := range values {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return nil
}

// unset undoes setAll.
func unset(names ...string) {
	for _, name := range names {
		_ = os.Unsetenv(name) // fails for no name that could be set
	}
}
