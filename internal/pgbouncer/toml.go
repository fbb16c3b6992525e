package pgbouncer

import (
	"fmt"
	"strings"
)

// document is a TOML file that is being written: tables in the order in which they were first named.
type document struct{ tables []*table }

// table is [a.b], or one of [[a.b]].
type table struct {
	path  []string
	array bool
	notes []string // comments above it
	items []item
}

// item is key = value, and a comment behind it.
type item struct {
	key   string
	value any // string, int64, int, bool, []string
	note  string
}

// table returns the table of that path, a new one if there is none.
func (d *document) table(path ...string) *table {
	for _, t := range d.tables {
		if !t.array && strings.Join(t.path, "\x00") == strings.Join(path, "\x00") {
			return t
		}
	}
	return d.add(&table{path: path})
}

// element returns a new table of the array of that path.
func (d *document) element(path ...string) *table {
	return d.add(&table{path: path, array: true})
}

func (d *document) add(t *table) *table {
	d.tables = append(d.tables, t)
	return t
}

// set writes key = value; what was written before is replaced.
func (t *table) set(key string, value any, note string) {
	for i := range t.items {
		if t.items[i].key == key {
			t.items[i].value, t.items[i].note = value, note
			return
		}
	}
	t.items = append(t.items, item{key, value, note})
}

// String returns the file. Tables without keys are left out.
func (d *document) String() string {
	var b strings.Builder
	for _, t := range d.tables {
		if len(t.items) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		for _, n := range t.notes {
			b.WriteString("# " + comment(n) + "\n")
		}
		head := "[" + keyPath(t.path) + "]"
		if t.array {
			head = "[" + head + "]"
		}
		b.WriteString(head + "\n")
		for _, i := range t.items {
			b.WriteString(bareOrQuoted(i.key) + " = " + literal(i.value))
			if i.note != "" {
				b.WriteString(" # " + comment(i.note))
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func keyPath(path []string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = bareOrQuoted(p)
	}
	return strings.Join(parts, ".")
}

func bareOrQuoted(key string) string {
	if key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" {
		return key
	}
	return quote(key)
}

// literal writes a value.
func literal(value any) string {
	switch v := value.(type) {
	case string:
		return quote(v)
	case []string:
		return quoteAll(v)
	}
	return fmt.Sprint(value)
}

// quote writes a basic string of TOML.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quote(t)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// comment keeps a comment on its line.
func comment(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
