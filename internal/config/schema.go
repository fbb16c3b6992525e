package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"

	"holdfast/internal/secret"
)

// anyName stands in a schema path for the name that a person gives to a table: "files.buckets.*.public".
const anyName = "*"

// entry is one key or table of the schema.
type entry struct {
	path   string
	typ    reflect.Type
	table  bool
	secret bool
	owner  reflect.Type // the struct that declares the field
	field  string       // and the field's name
}

// schemaOf lists all keys and tables below a struct type, in the order of their fields, tables before their keys.
func schemaOf(t reflect.Type) []entry {
	var out []entry
	walk("", t, func(e entry) { out = append(out, e) })
	return out
}

func walk(prefix string, t reflect.Type, visit func(entry)) {
	for i := range t.NumField() {
		f := t.Field(i)
		if isInline(f) {
			walk(prefix, f.Type, visit)
			continue
		}
		name := tomlName(f)
		if name == "" {
			continue
		}
		e := entry{path: join(prefix, name), typ: f.Type, owner: t, field: f.Name}
		e.secret = f.Type == reflect.TypeFor[secret.String]()
		inner := tableType(f.Type)
		e.table = inner != nil
		visit(e)
		if inner == nil {
			continue
		}
		path := e.path
		if f.Type.Kind() != reflect.Struct {
			path += "." + anyName
		}
		walk(path, inner, visit)
	}
}

// isInline reports whether the settings of a field stand in the table around it: an embedded struct, or one that says so.
func isInline(f reflect.StructField) bool {
	name, options, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return f.Type.Kind() == reflect.Struct && name == "" && (f.Anonymous || options == "inline")
}

// tomlName returns the name of a field in TOML, or "" for a field that is no setting.
func tomlName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	if !f.IsExported() || name == "-" {
		return ""
	}
	return name
}

// tableType returns the struct behind a table, a map of tables or a list of tables, or nil for a plain value.
func tableType(t reflect.Type) reflect.Type {
	switch {
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return nil
	case t.Kind() == reflect.Struct:
		return t
	case t.Kind() == reflect.Map || t.Kind() == reflect.Slice:
		return tableType(t.Elem())
	}
	return nil
}

// matches reports whether a schema path describes a real one.
func matches(schemaPath, path string) bool {
	want, have := strings.Split(schemaPath, "."), splitPath(path)
	return slices.EqualFunc(want, have, func(w, h string) bool { return w == anyName || w == h })
}

// splitPath splits at the dots outside quotes.
func splitPath(path string) []string {
	var names []string
	start, quoted := 0, false
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			names = append(names, path[start:i])
			start = i + 1
		}
	}
	return append(names, path[start:])
}
