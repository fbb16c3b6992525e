package assets

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// rewriterVersion is part of the names of files whose references are rewritten: raise it when the same source is
// rewritten in another way.
const rewriterVersion = "1"

// site is what references are resolved against.
type site struct {
	url  string // the path below which assets lie, with slashes
	base string // scheme and host before it, or ""
}

// target is where a reference leads.
type target struct {
	name     string // logical name
	suffix   string // query and fragment as they were written
	absolute string // what stood before the path below url: "" for a relative reference
}

// resolve returns what a reference in the file means, if it lies among the assets.
func (s site) resolve(file string, r reference) (target, bool) {
	text, suffix := strings.TrimSpace(r.target), ""
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text, suffix = text[:i], text[i:]
	}
	if text == "" || strings.Contains(text, "\\") {
		return target{}, false
	}
	absolute := ""
	switch {
	case s.base != "" && strings.HasPrefix(text, s.base+s.url):
		absolute, text = s.base+s.url, strings.TrimPrefix(text, s.base)
	case strings.HasPrefix(text, s.url):
		absolute = s.url
	case text[0] == '/' || hasScheme(text):
		return target{}, false
	case r.kind == module && !strings.HasPrefix(text, "./") && !strings.HasPrefix(text, "../"):
		return target{}, false // a package, for an import map
	}
	decoded, err := url.PathUnescape(text)
	if err != nil || strings.HasSuffix(decoded, "/") {
		return target{}, false
	}
	if absolute == "" {
		decoded = s.url + path.Dir(file) + "/" + decoded
	}
	name, ok := strings.CutPrefix(path.Clean(decoded), s.url)
	return target{name, suffix, absolute}, ok && name != ""
}

// targets returns the names that references lead to, each once, sorted; apart from those that may be no references.
func (s site) targets(file string, refs []reference) (sure, maybe []string) {
	for _, r := range refs {
		switch t, ok := s.resolve(file, r); {
		case !ok:
		case r.kind == urlObject:
			maybe = append(maybe, t.name)
		default:
			sure = append(sure, t.name)
		}
	}
	slices.Sort(sure)
	slices.Sort(maybe)
	return slices.Compact(sure), slices.Compact(maybe)
}

// hasScheme reports whether a URL begins with a scheme (RFC 3986 section 3.1).
func hasScheme(text string) bool {
	before, _, ok := strings.Cut(text, ":")
	return ok && !strings.Contains(before, "/")
}

// write returns a reference to the hashed name as it will stand in the file.
func (s site) write(file string, r reference, t target, hashed string) string {
	text := t.absolute + escapePath(hashed)
	if t.absolute == "" {
		text = relative(path.Dir(file), hashed)
		if (r.kind == module || strings.HasPrefix(r.target, "./")) && !strings.HasPrefix(text, "../") {
			text = "./" + text
		}
	}
	text += strings.NewReplacer("'", "%27", `"`, "%22", "(", "%28", ")", "%29", "`", "%60", "$", "%24", "\\", "%5C", " ", "%20",
		"\n", "%0A", "\r", "%0D", "\f", "%0C", "\t", "%09", "*/", "*%2F").Replace(t.suffix)
	if r.quote == 0 {
		return text
	}
	return string(r.quote) + text + string(r.quote)
}

// relative returns the way from a directory to a name.
func relative(dir, name string) string {
	from, to := strings.Split(dir, "/"), strings.Split(name, "/")
	if dir == "." {
		from = nil
	}
	for len(from) > 0 && len(to) > 1 && from[0] == to[0] {
		from, to = from[1:], to[1:]
	}
	return strings.Repeat("../", len(from)) + escapePath(strings.Join(to, "/"))
}

// escapePath escapes each segment of a path (RFC 3986 section 3.3).
func escapePath(name string) string {
	segments := strings.Split(name, "/")
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	return strings.Join(segments, "/")
}

// language is how references are found in a file.
type language uint8

const (
	opaque language = iota // nothing is looked for
	stylesheet
	script
)

func languageOf(name string) language {
	switch strings.ToLower(path.Ext(name)) {
	case ".css":
		return stylesheet
	case ".js", ".mjs":
		return script
	}
	return opaque
}

// references finds the references of a file in the order in which they stand.
func (l language) references(text string) ([]reference, error) {
	var refs []reference
	var err error
	switch l {
	case stylesheet:
		refs = cssReferences(text)
	case script:
		refs, err = jsReferences(text)
	}
	slices.SortFunc(refs, func(a, b reference) int { return a.start - b.start })
	return refs, err
}

// rewrite replaces the references whose names have a hashed one; hashed returns "" for the others.
func (s site) rewrite(file, text string, refs []reference, hashed func(name string) string) string {
	var b strings.Builder
	done := 0
	for _, r := range refs {
		t, ok := s.resolve(file, r)
		if !ok || r.start < done {
			continue
		}
		if to := hashed(t.name); to != "" {
			b.WriteString(text[done:r.start])
			b.WriteString(s.write(file, r, t, to))
			done = r.end
		}
	}
	b.WriteString(text[done:])
	return b.String()
}
