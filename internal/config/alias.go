package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"holdfast/internal/pgbouncer"
)

// endpointsTable is the list of tables in which PgBouncer's names for listeners are said of one of them.
const endpointsTable = "endpoints"

// applyAliases gives the settings that were written by PgBouncer's names their own. Such a name may stand where ours would
// stand, in the table [database] for all, and in a table [[database.endpoints]] for one. Where both names say something, the
// environment wins over files; in one layer that is a mistake, because nobody can tell which was meant.
func (d *decoder) applyAliases(root *node) {
	database := root.table["database"]
	if database == nil || database.table == nil {
		return
	}
	for _, a := range pgbouncer.Aliases() {
		path := strings.Split(a.Key, ".")[1:] // below database
		d.aliasIn(database, "database", path, a)
		for at := path[:len(path)-1]; len(at) > 0 && !a.Each; at = nil {
			if t := database.at(at); t != nil {
				d.aliasIn(t, below("database", at), path[len(path)-1:], a)
			}
		}
	}
}

// aliasIn moves the value of an alias in a table of the tree to its path below that table.
func (d *decoder) aliasIn(t *node, at string, path []string, a pgbouncer.Alias) {
	key := path[len(path)-1]
	if list := t.table[endpointsTable]; list != nil && len(list.list) > 0 && isEndpointKey(key) {
		for i, e := range list.list {
			if e.table != nil {
				d.rename(e, fmt.Sprintf("%s.%s[%d]", at, endpointsTable, i), a, key)
			}
		}
	}
	if !a.Each {
		d.rename(t, at, a, path...)
		return
	}
	written, ok := t.table[a.Name]
	if !ok {
		return
	}
	list := t.table[endpointsTable]
	if list == nil || len(list.list) == 0 {
		delete(t.table, a.Name)
		d.problem(join(at, a.Name), written.origin, "it is said of endpoints, and none is written",
			fmt.Sprintf("add [[%s.%s]] with listen and %s", at, endpointsTable, key))
		return
	}
	for i, e := range list.list {
		if e.table != nil && e.table[key] == nil { // what an endpoint says itself is stronger
			e.table[a.Name] = written
			d.rename(e, fmt.Sprintf("%s.%s[%d]", at, endpointsTable, i), a, key)
		}
	}
	delete(t.table, a.Name)
}

// rename converts the value of an alias in a table and puts it at a path below the table.
func (d *decoder) rename(t *node, at string, a pgbouncer.Alias, path ...string) {
	written, ok := t.table[a.Name]
	if !ok || written.table != nil || path[len(path)-1] == a.Name { // some are the same in both
		return
	}
	delete(t.table, a.Name)
	if own := t.at(path); own != nil {
		switch {
		case own.origin.Env != "" && written.origin.Env == "":
			return
		case own.origin.Env == "" && written.origin.Env != "":
		default:
			d.problem(join(at, a.Name), written.origin, "is set besides "+below(at, path), "keep one of the two")
			return
		}
	}
	value, err := a.Convert(fmt.Sprint(written.value))
	if err != nil {
		d.problem(join(at, a.Name), written.origin, err.Error(),
			"write it as it is written there, or by its own name "+below(at, path))
		return
	}
	if list, ok := value.([]string); ok {
		all := make([]any, len(list))
		for i := range list {
			all[i] = list[i]
		}
		value = all
	}
	if !t.put(path, value, written.origin) {
		d.problem(join(at, a.Name), written.origin, "a value stands where a table belongs", "")
	}
}

// below returns the key at a path below a table.
func below(table string, path []string) string { return table + "." + strings.Join(path, ".") }

// isEndpointKey reports whether endpoints have a setting of this name.
func isEndpointKey(key string) bool {
	endpoint := reflect.TypeFor[Database]()
	f, ok := endpoint.FieldByName("Pooling")
	if !ok {
		return false
	}
	endpoints, ok := f.Type.FieldByName("Endpoints")
	return ok && slices.ContainsFunc(reflect.VisibleFields(endpoints.Type.Elem()), func(f reflect.StructField) bool {
		return tomlName(f) == key
	})
}

// at returns the node at a path below n, or nil.
func (n *node) at(path []string) *node {
	for _, name := range path {
		if n == nil || n.table == nil {
			return nil
		}
		n = n.table[name]
	}
	return n
}
