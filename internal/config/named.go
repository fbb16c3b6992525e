package config

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// NamedFile is a file that the files of the configuration name and that Holdfast reads: a secret, a certificate, a list of users.
type NamedFile struct {
	Key  string // of the setting
	Path string // absolute
}

// inputs end the keys of the settings by which files are named that are read, and neither written nor directories.
var inputs = []string{".sslrootcert", ".sslcert", ".sslkey", ".ca_file", ".redis_ca_file", ".tls_cert", ".tls_key", ".tls_client_ca", ".cert", ".key", "database.auth.file"}

// NamedFiles lists the files that the configuration names, each once, in the order of their paths. Those that the environment names
// are not among them.
func (c *Config) NamedFiles() []NamedFile {
	var all []NamedFile
	for key, path := range c.secretFiles {
		if c.origins[key+fileSuffix].Env == "" {
			all = append(all, NamedFile{key, path})
		}
	}
	settings := c.pathSettings()
	for _, name := range slices.Sorted(maps.Keys(c.Database.Pooling.Routes)) {
		r, key := c.Database.Pooling.Routes[name], "database.routes."+name
		settings = append(settings, pathSetting{key + ".sslrootcert", &r.SSLRootCert},
			pathSetting{key + ".sslcert", &r.SSLCert}, pathSetting{key + ".sslkey", &r.SSLKey})
	}
	for _, s := range settings {
		if *s.value == "" || c.origins[s.key].Env != "" || !slices.ContainsFunc(inputs, func(end string) bool { return strings.HasSuffix(s.key, end) }) {
			continue
		}
		if info, err := os.Stat(*s.value); err == nil && info.Mode().IsRegular() { // "system" is no file
			all = append(all, NamedFile{s.key, *s.value})
		}
	}
	slices.SortFunc(all, func(a, b NamedFile) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Key, b.Key))
	})
	return slices.CompactFunc(all, func(a, b NamedFile) bool { return a.Path == b.Path })
}

// ConfigFiles returns the files of the configuration itself, absolute, and the directory that relative names start at. There are none when
// all of it comes from the environment.
func (c *Config) ConfigFiles() (dir string, files []string, err error) {
	if c.path == None {
		return "", nil, nil
	}
	if dir, err = dirOf(c.path); err != nil {
		return "", nil, err
	}
	path, err := filepath.Abs(c.path)
	if err != nil {
		return "", nil, err
	}
	files, err = filesOf(path)
	return dir, files, err
}

// Variables returns the names of the variables of the environment that settings were taken from.
func (c *Config) Variables() []string {
	var all []string
	for _, o := range c.origins {
		if o.Env != "" {
			all = append(all, o.Env)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
