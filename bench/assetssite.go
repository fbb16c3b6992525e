package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// assetName is the stylesheet of the line that this room repeats.
const assetName = "gcampuscore/styles/main.css"

// assetSize is about what Bootstrap 5 is with a site's own rules.
const assetSize = 220_000

// stylesheet returns CSS that repeats itself as a framework's does: in gzip about a sixth of it is left. It is the same in every run.
func stylesheet() string {
	r := rand.New(rand.NewChaCha8([32]byte{5})) //nolint:gosec // no secret
	properties := []string{
		"margin", "margin-top", "margin-left", "padding", "padding-right", "border-radius", "width", "max-width", "font-size", "line-height", "gap", "top", "left",
	}
	colours := []string{"color", "background-color", "border-color", "outline-color", "fill"}
	var b strings.Builder
	for n := 0; b.Len() < assetSize; n++ {
		if n%40 == 0 {
			fmt.Fprintf(&b, "@media (min-width: %dpx) {\n  .container-%d { max-width: %dpx; }\n}\n", 400+r.IntN(1000), n, 300+r.IntN(1000))
		}
		fmt.Fprintf(&b, ".%s-%d, .btn-%d:hover {\n", []string{"card", "btn", "nav", "form", "alert", "col", "table", "badge"}[r.IntN(8)], n, n)
		for range 2 + r.IntN(5) {
			fmt.Fprintf(&b, "  %s: %grem;\n", properties[r.IntN(len(properties))], float64(r.IntN(400))/100)
		}
		fmt.Fprintf(&b, "  %s: #%06x;\n}\n\n", colours[r.IntN(len(colours))], r.IntN(1<<24))
	}
	return b.String()
}

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
	source := filepath.Join(root, assetName)
	if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(source, []byte(stylesheet()), 0o644); err != nil {
		return nil, err
	}
	return a, setAll(map[string]string{"HOLDFAST_STATIC__ROOT": root, "HOLDFAST_STATIC__OUTPUT": a.dir})
}

// find asks the running Holdfast for the name, and looks at what it built.
func (a *asset) find(ctx context.Context, h *holdfast) error {
	url, err := h.command(ctx, "assets", "url", assetName)
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
