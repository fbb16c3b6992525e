package assets

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// The manifests of the set, for code that knows those of other tools:
//
//	staticfiles.json       Django's ManifestStaticFilesStorage (version 1.0 is read by all its versions)
//	.vite/manifest.json    Vite's, and whoever reads it
//	assets-manifest.json   webpack's plugins: logical name → URL
const (
	djangoManifest  = "staticfiles.json"
	viteManifest    = ".vite/manifest.json"
	webpackManifest = "assets-manifest.json"
)

// writeManifests writes all of them, with what was published at run time. Each is replaced by rename, and only if it
// changes.
func writeManifests(c Config, x *index, published []fetched) error {
	names := maps.Clone(x.Names)
	for _, f := range published {
		if f.Current {
			names[f.Logical] = f.Name
		}
	}
	for name, value := range map[string]any{
		djangoManifest:  djangoOf(names),
		viteManifest:    viteOf(names, x.Vite),
		webpackManifest: webpackOf(c, names),
	} {
		b, err := encodeManifest(value)
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(c.Output, filepath.FromSlash(name)), b); err != nil {
			return err
		}
	}
	return nil
}

func encodeManifest(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(value)
	return b.Bytes(), err
}

// django is staticfiles.json.
type django struct {
	Paths   map[string]string `json:"paths"`
	Version string            `json:"version"`
	Hash    string            `json:"hash"`
}

func djangoOf(names map[string]string) django {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(names)) {
		_, _ = h.Write([]byte(name + "\x00" + names[name] + "\x00")) // a hash takes everything
	}
	return django{names, "1.0", hex.EncodeToString(h.Sum(nil))[:nameLength]}
}

// viteOf adds to the entries of a manifest that was taken over one for each other name.
func viteOf(names map[string]string, foreign map[string]map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for logical, name := range names {
		out[logical] = map[string]any{"file": name, "src": logical, "isEntry": true}
	}
	maps.Copy(out, foreign)
	return out
}

// takenVite returns the entries of Vite's manifest, with our names for files that had none of their own.
func (p *plan) takenVite() map[string]map[string]any {
	out := map[string]map[string]any{}
	for key, raw := range p.taken.vite {
		entry := map[string]any{}
		if json.Unmarshal(raw, &entry) != nil {
			continue
		}
		entry["file"] = p.hashedText(entry["file"])
		for _, list := range []string{"css", "assets"} {
			if items, ok := entry[list].([]any); ok {
				for i := range items {
					items[i] = p.hashedText(items[i])
				}
			}
		}
		out[key] = entry
	}
	return out
}

func (p *plan) hashedText(value any) any {
	if text, ok := value.(string); ok {
		if name, ok := p.hashed[text]; ok {
			return name
		}
	}
	return value
}

func webpackOf(c Config, names map[string]string) map[string]string {
	out := map[string]string{}
	for logical, name := range names {
		out[logical] = c.address(name)
	}
	return out
}

// address returns the URL of a name as pages write it: with the CDN's host where there is one.
func (c Config) address(name string) string { return c.BaseURL + c.URL + escapePath(name) }

// integrity returns the digest in the form of Subresource Integrity.
func integrity(sha256hex string) string {
	b, err := hex.DecodeString(sha256hex)
	if err != nil || len(b) != sha256.Size {
		return ""
	}
	return "sha256-" + strings.TrimSpace(base64.StdEncoding.EncodeToString(b))
}
