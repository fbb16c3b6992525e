package config

import (
	"regexp"
	"strconv"
	"strings"
)

// Origin is the place that a value came from. The zero value means a default.
type Origin struct {
	File string // path as it was named; "" when the value came from elsewhere
	Line int    // 1-based line in File
	Env  string // name of the environment variable
}

// String returns "file:line" or the name of the variable; "default" for the zero value.
func (o Origin) String() string {
	switch {
	case o.Env != "":
		return o.Env
	case o.File != "":
		return o.File + ":" + strconv.Itoa(o.Line)
	}
	return "default"
}

// node is one value of the merged configuration, with the place that it came from.
type node struct {
	value  any              // scalar or list as TOML gives it, or an envText; nil for tables
	table  map[string]*node // not nil for a table
	list   []*node          // not nil for a list of tables
	origin Origin
}

// envText is a value from the environment: text whose type only the key knows.
type envText string

func newTable(o Origin) *node { return &node{table: map[string]*node{}, origin: o} }

// merge lays over on top of n: tables merge, anything else replaces.
func (n *node) merge(over *node) {
	for name, o := range over.table {
		if old, ok := n.table[name]; ok && old.table != nil && o.table != nil {
			old.merge(o)
			continue
		}
		n.table[name] = o
	}
}

// put sets the value at a path and makes the tables on the way. It reports false when something on the way is no table.
func (n *node) put(path []string, value any, o Origin) bool {
	for _, name := range path[:len(path)-1] {
		next, ok := n.table[name]
		if !ok {
			next = newTable(o)
			n.table[name] = next
		}
		if next.table == nil {
			return false
		}
		n = next
	}
	n.table[path[len(path)-1]] = &node{value: value, origin: o}
	return true
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// join puts a name behind a path with a dot, in quotes when TOML wants them.
func join(path, name string) string {
	if !bareKey.MatchString(name) {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// parent returns the path without its last name, and that name.
func parent(path string) (table, name string) {
	names := splitPath(path)
	name = names[len(names)-1]
	return strings.TrimSuffix(path[:len(path)-len(name)], "."), name
}
