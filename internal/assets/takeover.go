package assets

import (
	"encoding/json"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// taken is what other build tools have done below static.root already.
type taken struct {
	hashed map[string]bool            // files whose names were made from their content
	names  map[string]string          // logical names of the manifests, and the files that they lead to
	vite   map[string]json.RawMessage // the entries of Vite's manifest, as they are
	files  map[string]bool            // the manifests themselves
	listed map[string]bool            // what Vite's entries need besides: no name of its own leads there
}

// takeOver reads the manifests below the root. What is no manifest, though it has the name of one, is left alone:
// manifest.json is also what a web application is described by.
func (s *scanner) takeOver() taken {
	t := taken{
		hashed: map[string]bool{}, names: map[string]string{}, vite: map[string]json.RawMessage{}, files: map[string]bool{},
		listed: map[string]bool{},
	}
	for _, name := range []string{
		".vite/manifest.json", "manifest.json", "staticfiles.json", "asset-manifest.json", "assets-manifest.json", ".manifest.json",
	} {
		s.takeManifest(&t, name)
	}
	sprockets, _ := fs.Glob(s.root.FS(), ".sprockets-manifest-*.json") // the pattern is right, and nothing else is an error
	for _, name := range sprockets {
		s.takeManifest(&t, name)
	}
	for name := range s.found {
		if patterns(s.config.Hashed).match(name) {
			t.hashed[name] = true
		}
	}
	return t
}

func (s *scanner) takeManifest(t *taken, name string) {
	b, err := s.read(name)
	if err != nil {
		return // there is none
	}
	var entries map[string]json.RawMessage
	if json.Unmarshal(b, &entries) != nil {
		return
	}
	names := s.manifestNames(entries, t)
	if len(names) == 0 {
		return
	}
	t.files[name] = true
	maps.Copy(t.names, names)
	for logical, file := range names {
		if (logical != file || t.listed[file]) && looksHashed(logical, file) {
			t.hashed[file] = true
		}
	}
}

// manifestNames returns the pairs of a manifest whose files exist. Django and Sprockets keep them in a table of their own,
// Create React App in "files"; Vite has objects with the field file, Propshaft with digested_path; webpack's plugins and
// older Propshaft have plain text.
func (s *scanner) manifestNames(entries map[string]json.RawMessage, t *taken) map[string]string {
	out := map[string]string{}
	for _, table := range []string{"paths", "assets", "files"} {
		var inner map[string]json.RawMessage
		if json.Unmarshal(entries[table], &inner) == nil {
			for key, raw := range inner {
				s.pair(out, key, raw, t)
			}
		}
	}
	if len(out) > 0 {
		return out
	}
	for key, raw := range entries {
		s.pair(out, key, raw, t)
	}
	return out
}

func (s *scanner) pair(out map[string]string, key string, raw json.RawMessage, t *taken) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		if file := s.fileOf(text); file != "" {
			out[s.logicalOf(key)] = file
		}
		return
	}
	var object struct {
		File, Src string
		CSS       []string `json:"css"`
		Assets    []string `json:"assets"`
		Digested  string   `json:"digested_path"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return
	}
	if file := s.fileOf(object.Digested); file != "" {
		out[key] = file
	}
	if file := s.fileOf(object.File); file != "" {
		out[key], t.vite[key] = file, raw
		for _, other := range slices.Concat(object.CSS, object.Assets) {
			if s.fileOf(other) != "" {
				out[other], t.listed[other] = other, true
			}
		}
	}
}

// fileOf returns the file below the root that a value of a manifest means, or "": it may have the public path before it.
func (s *scanner) fileOf(text string) string {
	text, _, _ = strings.Cut(text, "?")
	text = strings.TrimPrefix(text, s.config.BaseURL)
	for _, name := range []string{text, strings.TrimPrefix(text, s.config.URL), strings.TrimPrefix(text, "/"), strings.TrimPrefix(text, "./")} {
		if _, ok := s.found[name]; ok {
			return name
		}
	}
	return ""
}

func (s *scanner) logicalOf(key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(key, s.config.URL), "/"), "./")
}

// looksHashed reports whether a file that a manifest names has a digest in its name: a part of eight characters or more
// after a point, a dash or an underline, with a digit or both cases in it, that its logical name does not have. Build tools
// can be told to make none.
func looksHashed(logical, name string) bool {
	base, plain := path.Base(name), path.Base(logical)
	if strings.HasPrefix(plain, "_") {
		plain = "" // Vite's key of a chunk that several share: the name of the file itself
	}
	stem, _, _ := cutExtension(base)
	for i := range stem {
		start := i == 0 || stem[i-1] == '-' || stem[i-1] == '.' || stem[i-1] == '_'
		if start && isDigest(stem[i:]) && (logical == name || !strings.Contains(plain, stem[i:])) {
			return true
		}
	}
	return false
}

func isDigest(text string) bool {
	text, _, _ = strings.Cut(text, ".")
	digits, lower, upper := 0, 0, 0
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			upper++
		case c != '-' && c != '_':
			return false
		}
	}
	return digits+lower+upper >= 7 && len(text) >= 8 && (digits > 0 || lower > 0 && upper > 0)
}

// cutExtension splits "main.css.map" into "main", ".css.map" where the last part says little by itself.
func cutExtension(base string) (stem, ext string, ok bool) {
	ext = path.Ext(base)
	if ext == ".map" {
		ext = path.Ext(strings.TrimSuffix(base, ext)) + ext
	}
	stem = strings.TrimSuffix(base, ext)
	return stem, ext, stem != ""
}

// hashedName puts a digest before the extension, as Django does.
func hashedName(name, digest string) string {
	dir, base := path.Split(name)
	stem, ext, ok := cutExtension(base)
	if !ok {
		stem, ext = base, ""
	}
	return dir + stem + "." + digest + ext
}
