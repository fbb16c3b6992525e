package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/secret"
)

// Setting is one key of an effective configuration.
type Setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`            // nil for a secret
	Secret bool   `json:"secret,omitempty"` // the value is not shown
	File   string `json:"file,omitempty"`   // the file that holds a secret
	Origin string `json:"origin"`           // "default", "file:line" or the name of a variable

	held secret.String // the secret itself, to be compared
}

// Same reports whether two settings have the same value, and a secret comes from the same place.
func Same(a, b Setting) bool {
	return a.Key == b.Key && reflect.DeepEqual(a.Value, b.Value) && a.File == b.File && a.held.Reveal() == b.held.Reveal()
}

// Settings lists every key with its effective value, in the order of the schema. No secret is among the values. The
// keys of a store that is switched off are left out but for the switch.
func (c *Config) Settings() []Setting {
	var out []Setting
	c.collect("", reflect.ValueOf(c).Elem(), &out)
	return slices.DeleteFunc(out, func(s Setting) bool {
		return !c.Storage.S3.Enabled && strings.HasPrefix(s.Key, s3Table+".") && s.Key != s3Table+".enabled"
	})
}

func (c *Config) collect(path string, v reflect.Value, out *[]Setting) {
	for i := range v.NumField() {
		if isInline(v.Type().Field(i)) {
			c.collect(path, v.Field(i), out)
			continue
		}
		name := tomlName(v.Type().Field(i))
		if name == "" {
			continue
		}
		f, key := v.Field(i), join(path, name)
		switch {
		case tableType(f.Type()) == nil:
			*out = append(*out, c.setting(key, f))
		case f.Kind() == reflect.Map:
			for _, k := range slices.Sorted(maps.Keys(stringKeys(f))) {
				c.collect(join(key, k), stringKeys(f)[k], out)
			}
		case f.Kind() == reflect.Slice:
			for i := range f.Len() {
				c.collect(key+"["+strconv.Itoa(i)+"]", f.Index(i), out)
			}
		case f.Kind() == reflect.Struct:
			c.collect(key, f, out)
		}
	}
}

func stringKeys(m reflect.Value) map[string]reflect.Value {
	out := make(map[string]reflect.Value, m.Len())
	for it := m.MapRange(); it.Next(); {
		out[it.Key().String()] = it.Value()
	}
	return out
}

func (c *Config) setting(key string, v reflect.Value) Setting {
	s := Setting{Key: key, Origin: c.origins[key].String()}
	switch value := v.Interface().(type) {
	case secret.String:
		s.Secret, s.held = true, value
		if o, ok := c.origins[key+fileSuffix]; ok {
			s.File, s.Origin = c.secretFiles[key], o.String()
		}
		if !value.IsZero() {
			s.Value = secret.Redacted
		}
	case encoding.TextMarshaler:
		text, _ := value.MarshalText() // quantities never fail to print
		s.Value = string(text)
	case []string:
		s.Value = append([]string{}, value...)
	case map[string][]string:
		s.Value = maps.Clone(value)
	default:
		s.Value = value
	}
	return s
}

// Render writes the effective configuration as TOML that loads to the same configuration, given the same secrets. A
// secret in a file is named; one that was set in place is a comment that says where. The text depends on nothing but
// the settings, so that it can be kept in a repository and compared.
func (c *Config) Render() string {
	var tables []string
	lines := map[string][]string{}
	for _, s := range c.Settings() {
		table, name := parent(s.Key)
		if _, ok := lines[table]; !ok {
			tables = append(tables, table)
		}
		lines[table] = append(lines[table], renderLine(name, s))
	}
	var b strings.Builder
	b.WriteString("# The effective configuration of Holdfast. Secrets are named or left out.\n")
	for _, t := range tables {
		fmt.Fprintf(&b, "\n%s\n%s\n", header(t), strings.Join(lines[t], "\n"))
	}
	return b.String()
}

// header writes the header of a table, or of an item in a list of tables, which may lie in another one.
func header(table string) string {
	name := itemNumber.ReplaceAllString(table, "")
	if strings.HasSuffix(table, "]") && name != table {
		return "[[" + name + "]]"
	}
	return "[" + name + "]"
}

func renderLine(name string, s Setting) string {
	switch {
	case s.Secret && s.File != "":
		return name + fileSuffix + " = " + Quote(s.File)
	case s.Secret && s.Value != nil:
		return "# " + name + " is set in " + s.Origin + " and not shown"
	case s.Secret:
		return "# " + name + " is not set"
	}
	return name + " = " + tomlValue(s.Value)
}

// tomlValue prints a value as TOML.
func tomlValue(v any) string {
	switch v := v.(type) {
	case []string:
		quoted := make([]string, len(v))
		for i, item := range v {
			quoted[i] = Quote(item)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	case map[string][]string:
		items := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			items = append(items, Quote(name)+" = "+tomlValue(v[name]))
		}
		return "{" + strings.Join(items, ", ") + "}"
	case string:
		return Quote(v)
	}
	return fmt.Sprint(v)
}

// Quote quotes a text as a basic string of TOML, which knows the escapes of JSON.
func Quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.ReplaceAll(strings.TrimSuffix(b.String(), "\n"), "\x7f", `\u007F`)
}
