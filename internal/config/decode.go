package config

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// decoder fills a struct from a tree and collects the mistakes on the way.
type decoder struct {
	known    []entry
	origins  map[string]Origin
	secrets  []secretFile
	restore  []func() // store the values of maps anew, innermost first: secrets were read into their items
	problems fault.Problems
}

// secretFile is a secret whose value still has to be read.
type secretFile struct {
	key    string // of the secret, without the suffix
	name   string // as it was written
	target *secret.String
	origin Origin
}

// problem adds a mistake at the place of a key.
func (d *decoder) problem(key string, o Origin, message, hint string) {
	p := fault.Problem{Key: key, Message: message, Hint: hint, File: o.File, Line: o.Line}
	if o.Env != "" {
		p.File = o.Env
	}
	d.problems = append(d.problems, p)
}

// table fills a struct. Settings are visited in the order of their names, so that mistakes come out in a fixed order.
func (d *decoder) table(path string, n *node, into reflect.Value) {
	fields := fieldsOf(into)
	for _, name := range slices.Sorted(maps.Keys(n.table)) {
		child, key := n.table[name], join(path, name)
		field, ok := fields[name]
		twin, isTwin := secretTwin(fields, name)
		switch {
		case ok:
			d.value(key, child, field)
		case isTwin:
			d.twin(n, key, child, twin)
		default:
			d.unknown(key, child)
		}
	}
}

// fieldsOf returns the settings of a struct by their names.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if isInline(f) {
			maps.Copy(fields, fieldsOf(v.Field(i)))
		} else if name := tomlName(f); name != "" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

// secretTwin returns the secret that a name with the suffix "_file" belongs to.
func secretTwin(fields map[string]reflect.Value, name string) (*secret.String, bool) {
	base, ok := strings.CutSuffix(name, fileSuffix)
	if !ok || !fields[base].IsValid() {
		return nil, false
	}
	target, ok := fields[base].Addr().Interface().(*secret.String)
	return target, ok
}

func (d *decoder) value(key string, n *node, into reflect.Value) {
	d.origins[key] = n.origin
	inner := tableType(into.Type())
	switch {
	case inner == nil && into.Kind() == reflect.Map && n.table != nil:
		d.namedTables(key, n, into)
	case inner == nil:
		if m := assign(into, n); m != nil {
			d.problem(key, n.origin, m.text, m.hintFor(key, n.origin))
		}
	case into.Kind() == reflect.Slice:
		d.listOfTables(key, n, into)
	case n.table == nil:
		d.problem(key, n.origin, describe(n.value)+" stands where a table belongs", "write ["+key+"] and its keys below it")
	case into.Kind() == reflect.Map:
		d.namedTables(key, n, into)
	default:
		d.table(key, n, into)
	}
}

// namedTables fills a map from names to tables, or to lists of text.
func (d *decoder) namedTables(path string, n *node, into reflect.Value) {
	if into.IsNil() {
		into.Set(reflect.MakeMap(into.Type()))
	}
	for _, name := range slices.Sorted(maps.Keys(n.table)) {
		item := reflect.New(into.Type().Elem()).Elem()
		d.value(join(path, name), n.table[name], item)
		store := func() { into.SetMapIndex(reflect.ValueOf(name), item) }
		store()
		d.restore = append(d.restore, store)
	}
}

func (d *decoder) listOfTables(path string, n *node, into reflect.Value) {
	if text, ok := n.value.(envText); ok {
		n = tablesFromEnv(string(text), n.origin)
	}
	if items, ok := n.value.([]any); !ok || len(items) != len(n.list) {
		hint := "write [[" + path + "]] and its keys below it"
		if n.origin.Env != "" {
			hint = "write it as in TOML: [{" + exampleKey(into.Type().Elem()) + " = …}]"
		}
		d.problem(path, n.origin, "a list of tables belongs here", hint)
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(n.list), len(n.list)))
	for i, item := range n.list {
		d.value(path+"["+strconv.Itoa(i)+"]", item, into.Index(i))
	}
}

// twin notes a "_file" key. When the secret itself is set too, the environment wins over files; in one layer it is a
// mistake, because nobody can tell which was meant.
func (d *decoder) twin(table *node, key string, n *node, target *secret.String) {
	base := strings.TrimSuffix(key, fileSuffix)
	_, name := parent(base)
	d.origins[key] = n.origin
	if inline, ok := table.table[name]; ok {
		switch {
		case inline.origin.Env != "" && n.origin.Env == "":
			delete(d.origins, key)
			return
		case inline.origin.Env == "" && n.origin.Env != "":
			delete(d.origins, base)
		default:
			d.problem(key, n.origin, "is set besides "+base, "keep one of the two")
			return
		}
	}
	var file string
	if m := assign(reflect.ValueOf(&file).Elem(), n); m != nil {
		d.problem(key, n.origin, m.text, m.hintFor(key, n.origin))
		return
	}
	d.secrets = append(d.secrets, secretFile{base, file, target, n.origin})
}

func (d *decoder) unknown(key string, n *node) {
	hint := ""
	if n.origin.Env != "" {
		if v := nearestVariable(d.known, n.origin.Env); v != "" {
			hint = "did you mean " + v + "?"
		}
		d.problem(n.origin.Env, Origin{}, "no such setting", cmp.Or(hint, "holdfast help config lists all settings"))
		return
	}
	what := "no such key"
	if n.table != nil {
		what = "no such table"
	}
	if near := nearest(d.known, key); near != "" {
		hint = "did you mean " + near + "?"
	}
	d.problem(key, n.origin, what, cmp.Or(hint, "holdfast help config lists all keys"))
}
