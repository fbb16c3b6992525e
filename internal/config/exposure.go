package config

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// secretSetting is a key that holds a secret, with its value.
type secretSetting struct {
	key   string
	value secret.String
}

// secrets lists all secrets of a configuration, in the order of the schema.
func (c *Config) secrets() []secretSetting {
	var out []secretSetting
	collectSecrets("", reflect.ValueOf(c).Elem(), &out)
	return out
}

func collectSecrets(path string, v reflect.Value, out *[]secretSetting) {
	for i := range v.NumField() {
		if isInline(v.Type().Field(i)) {
			collectSecrets(path, v.Field(i), out)
			continue
		}
		name := tomlName(v.Type().Field(i))
		if name == "" {
			continue
		}
		f, key := v.Field(i), join(path, name)
		if s, ok := f.Interface().(secret.String); ok {
			*out = append(*out, secretSetting{key, s})
		} else if f.Kind() == reflect.Struct && tableType(f.Type()) != nil {
			collectSecrets(key, f, out)
		} else if f.Kind() == reflect.Map && tableType(f.Type()) != nil {
			for _, name := range slices.Sorted(maps.Keys(stringKeys(f))) {
				collectSecrets(join(key, name), stringKeys(f)[name], out)
			}
		}
	}
}

// exposed finds secrets in files that others than their owner can read, or that git carries away to every clone. A
// secret's own file is only looked up in git: its mode is what a platform's secret store gives it.
func (d *decoder) exposed(c *Config, dir string) fault.Problems {
	reason := map[string]string{} // by file
	why := func(file string, look func(string) string) string {
		if _, ok := reason[file]; !ok {
			reason[file] = look(file)
		}
		return reason[file]
	}
	var p fault.Problems
	for _, s := range c.secrets() {
		o := d.origins[s.key]
		if s.value.IsZero() || o.File == "" {
			continue
		}
		if r := why(o.File, exposure); r != "" {
			p.Add(s.key, fmt.Sprintf(`move it to a file of its own with mode 0600, and write %s = "secrets/%s"`,
				lastName(s.key)+fileSuffix, lastName(s.key)), "the secret stands in a file that %s", r)
		}
	}
	for _, s := range d.secrets {
		path := resolve(dir, s.name)
		if trackedByGit(path) {
			p.Add(s.key+fileSuffix, "git rm --cached "+path+", list it in .gitignore, and generate a new secret",
				"the file %s is tracked by git", path)
		}
	}
	return p
}

// exposure says who else can read a file, or "".
func exposure(file string) string {
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
		who := "its group"
		if info.Mode().Perm()&0o007 != 0 {
			who = "everybody"
		}
		return fmt.Sprintf("%s can read (mode %s)", who, octal(info.Mode()))
	}
	if abs, err := filepath.Abs(file); err == nil && trackedByGit(abs) {
		return "is tracked by git"
	}
	return ""
}

func octal(m fs.FileMode) string { return fmt.Sprintf("%04o", m.Perm()) }
