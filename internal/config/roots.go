package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"holdfast/internal/fault"
)

// rootProblems compares the directories with each other. Whatever lies below static.root is given to everybody, so
// nothing private may lie there, and the assets may not lie among the uploads. The roots that Holdfast writes to are
// four different directories.
func (c *Config) rootProblems(dir string) fault.Problems {
	var p fault.Problems
	if c.Static.Root != "" {
		c.staticProblems(&p, dir)
	}
	roots := c.roots()
	for i, a := range roots {
		for _, b := range roots[:i] {
			if real(*a.value) == real(*b.value) {
				p.Add(a.key, "give each its own directory", "%q is %s too", *a.value, b.key)
				break
			}
		}
	}
	return p
}

func (c *Config) staticProblems(p *fault.Problems, dir string) {
	if c.Static.URL == c.Media.URL {
		p.Add("static.url", "give assets and files two separate paths", "%q is media.url, too", c.Static.URL)
	}
	static := real(c.Static.Root)
	media := real(c.Media.Root)
	if within(static, media) {
		p.Add("static.root", "give the application's assets and the uploads two separate directories",
			"%q lies inside media.root (%s): uploads are private, assets are public", c.Static.Root, c.Media.Root)
		return
	}
	private := append(c.roots(), pathSetting{"the configuration", &dir})
	for _, r := range private {
		if within(real(*r.value), static) {
			p.Add("static.root", "name a directory that holds nothing but the application's assets",
				"%q is public and covers %s", c.Static.Root, describeRoot(r))
			return
		}
	}
	if within(real(c.Static.Output), static) {
		p.Add("static.output", "give the built set a directory of its own, beside static.root",
			"%q lies inside static.root (%s)", c.Static.Output, c.Static.Root)
		return
	}
	if within(real(c.Static.Output), media) || within(media, real(c.Static.Output)) {
		p.Add("static.output", "give the built set and the uploads two separate directories",
			"%q and media.root (%s) cover each other: uploads are private, assets are public", c.Static.Output, c.Media.Root)
	}
}

func describeRoot(r pathSetting) string { return fmt.Sprintf("%s (%s)", r.key, *r.value) }

// roots lists the four directories that Holdfast writes to.
func (c *Config) roots() []pathSetting {
	return []pathSetting{
		{"paths.state", &c.Paths.State},
		{"media.root", &c.Media.Root},
		{"paths.cache", &c.Paths.Cache},
		{"paths.backup", &c.Paths.Backup},
	}
}

// within reports whether a path is a directory or lies below it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// real resolves the symbolic links of the part of a path that exists.
func real(path string) string {
	rest := ""
	for p := filepath.Clean(path); ; {
		if r, err := filepath.EvalSymlinks(p); err == nil {
			return filepath.Join(r, rest)
		}
		up := filepath.Dir(p)
		if up == p {
			return filepath.Clean(path)
		}
		rest, p = filepath.Join(filepath.Base(p), rest), up
	}
}
