package pgbouncer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"holdfast/internal/fault"
)

// maxIncludes is how deep files may include each other, as in PgBouncer.
const maxIncludes = 10

// entry is a line "key = value" of a section.
type entry struct {
	section, key, value string
	place
}

// place is where something was written.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// reader reads ini files. Names of other files are taken relative to the directory of the first.
type reader struct {
	read    func(path string) ([]byte, error)
	dir     string
	section string
	entries []entry
}

// resolve returns the path of a file that the configuration names. PgBouncer takes it relative to the directory that it
// was started in, which nobody knows now; nearly always it is that of the configuration.
func (r *reader) resolve(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(r.dir, path)
}

// text returns a file of the configuration as text.
func (r *reader) text(path string) (string, error) {
	b, err := r.read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fault.New(fault.NotFound, "import_file_missing", "open %s: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return "", fault.New(fault.Denied, "import_file_denied", "open %s: %w", path, err).WithHint("run the command as root or as PgBouncer's user")
	case err != nil:
		return "", fmt.Errorf("open %s: %w", path, err)
	case !utf8.Valid(b):
		return "", invalid(place{path, 1}, "the file is not UTF-8")
	}
	return strings.TrimPrefix(string(b), "\ufeff"), nil
}

// file reads one ini file and those that it includes.
func (r *reader) file(path string, depth int) error {
	text, err := r.text(path)
	if err != nil {
		return err
	}
	for i, line := range strings.Split(text, "\n") {
		if err := r.line(strings.TrimSpace(line), place{path, i + 1}, depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) line(line string, at place, depth int) error {
	if rest, ok := strings.CutPrefix(line, "%include"); ok && strings.TrimLeft(rest, " \t") != rest {
		if depth >= maxIncludes {
			return invalid(at, "files include each other more than %d deep", maxIncludes)
		}
		return r.file(r.resolve(strings.TrimSpace(rest)), depth+1)
	}
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
		return nil
	case line[0] == '[':
		name, rest, ok := strings.Cut(line[1:], "]")
		if !ok {
			return invalid(at, "a section has no ]")
		}
		r.section = name
		return r.line(strings.TrimSpace(rest), at, depth)
	}
	key, rest, ok := cutKey(line)
	value, isPair := strings.CutPrefix(strings.TrimLeft(rest, " \t"), "=")
	switch {
	case !ok || !isPair:
		return invalid(at, "neither a section nor key = value: %q", shorten(firstWord(line)))
	case r.section == "":
		return invalid(at, "%s stands before the first section", key)
	}
	r.entries = append(r.entries, entry{r.section, key, strings.TrimSpace(value), at})
	return nil
}

// cutKey returns the name at the beginning of a line: letters, digits and a few signs, or anything in double quotes.
func cutKey(line string) (key, rest string, ok bool) {
	if line[0] == '"' {
		return cutQuoted(line, '"')
	}
	end := strings.IndexFunc(line, func(r rune) bool {
		return r != '_' && r != '.' && r != '-' && r != '*' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if end < 0 {
		end = len(line)
	}
	return line[:end], line[end:], end > 0
}

// cutQuoted returns a text in quotes, in which the quote itself is written twice, and what follows.
func cutQuoted(text string, quote byte) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != quote:
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == quote:
			b.WriteByte(quote)
			i++
		default:
			return b.String(), text[i+1:], true
		}
	}
	return "", text, false
}

// pair is key = value of a connection string.
type pair struct{ key, value string }

// pairs reads a connection string: key=value, separated by spaces; values with spaces in single quotes.
func pairs(text string) ([]pair, error) {
	var out []pair
	for rest := strings.TrimLeft(text, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		key, after, ok := strings.Cut(rest, "=")
		key = strings.TrimRight(key, " \t")
		if !ok || key == "" || strings.ContainsAny(key, " \t'") {
			return nil, fmt.Errorf("no key=value %s", behind(out)) // without the text: it may be of a password
		}
		value := strings.TrimLeft(after, " \t")
		if strings.HasPrefix(value, "'") {
			if value, rest, ok = cutQuoted(value, '\''); !ok {
				return nil, fmt.Errorf("the value of %s has no closing quote", key)
			}
		} else {
			end := strings.IndexAny(value, " \t")
			if end < 0 {
				end = len(value)
			}
			value, rest = value[:end], value[end:]
		}
		out = append(out, pair{key, value})
	}
	return out, nil
}

// behind says where in a connection string something is.
func behind(before []pair) string {
	if len(before) == 0 {
		return "at the beginning"
	}
	return "behind " + before[len(before)-1].key
}

// firstWord keeps what could be a password out of messages.
func firstWord(text string) string {
	word, _, _ := strings.Cut(text, "=")
	word, _, _ = strings.Cut(word, " ")
	return word
}

func shorten(text string) string {
	if len(text) > 40 {
		return strings.ToValidUTF8(text[:40], "") + "…"
	}
	return text
}

func invalid(at place, format string, args ...any) error {
	return fault.New(fault.Config, "import_syntax", "%s: %s", at, fmt.Sprintf(format, args...))
}
