package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// envPrefix begins every environment variable that is a setting.
const envPrefix = "HOLDFAST_"

// notSettings are variables with the prefix that mean something else: which configuration to read, what "holdfast env" prints
// for applications, and switches of tests and benchmarks.
func notSettings(name string) bool {
	return name == "HOLDFAST_CONFIG" || name == "HOLDFAST_CONTENT_SOCKET" || name == "HOLDFAST_SOAK" ||
		strings.HasPrefix(name, "HOLDFAST_TEST_") || strings.HasPrefix(name, "HOLDFAST_BENCH_")
}

// overrides makes a tree of the variables that are settings, in the order of their names. When one variable sets a
// table and another a key in it, the table is reported as a value of the wrong type, because it comes last.
func overrides(environ []string) *node {
	root := newTable(Origin{})
	names := slices.DeleteFunc(slices.Sorted(slices.Values(environ)), func(v string) bool {
		name, value, _ := strings.Cut(v, "=")
		return !strings.HasPrefix(name, envPrefix) || value == "" || notSettings(name)
	})
	for _, v := range names {
		name, value, _ := strings.Cut(v, "=")
		path := strings.Split(strings.ToLower(strings.TrimPrefix(name, envPrefix)), "__")
		for len(path) > 0 && !root.put(path, envText(value), Origin{Env: name}) {
			path = path[:len(path)-1]
		}
	}
	return root
}

// lookup returns the value of an environment variable, "" when it is not set. The last one wins, as in os/exec.
func lookup(environ []string, name string) string {
	for _, v := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// tablesFromEnv reads a variable that is a list of tables: [{key = "value"}, …]. What is none stays a text.
func tablesFromEnv(text string, o Origin) *node {
	values := map[string]any{}
	if err := toml.Unmarshal([]byte("v = "+text), &values); err != nil {
		return &node{value: text, origin: o}
	}
	n := builder{}.node("v", values["v"])
	n.setOrigin(o)
	return n
}

func (n *node) setOrigin(o Origin) {
	n.origin = o
	for _, child := range n.table {
		child.setOrigin(o)
	}
	for _, item := range n.list {
		item.setOrigin(o)
	}
}

// exampleKey returns the first key of a table.
func exampleKey(t reflect.Type) string {
	for i := range t.NumField() {
		if name := tomlName(t.Field(i)); name != "" {
			return name
		}
	}
	return "key"
}
