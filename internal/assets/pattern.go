package assets

import (
	"errors"
	"path"
	"strings"
)

// Patterns are paths in which * stands for any text without a slash, ? for one such character, [a-z] for one of a class,
// and ** as a whole segment for any number of segments, none included. A pattern without a slash is compared with the last
// segment, wherever the file lies, as in .gitignore.

// checkPattern returns what is wrong with a pattern.
func checkPattern(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	if strings.HasPrefix(text, "/") || strings.Contains(text, "//") {
		return errors.New("it has a slash too many")
	}
	for segment := range strings.SplitSeq(text, "/") {
		if segment == ".." || segment == "." {
			return errors.New("it leads elsewhere")
		}
		if _, err := path.Match(segment, ""); err != nil {
			return err
		}
	}
	return nil
}

// patterns are compared one by one.
type patterns []string

// match reports whether one of the patterns fits the name.
func (p patterns) match(name string) bool {
	for _, text := range p {
		if matchPattern(text, name) {
			return true
		}
	}
	return false
}

func matchPattern(pattern, name string) bool {
	if !strings.Contains(pattern, "/") && pattern != "**" {
		ok, err := path.Match(pattern, path.Base(name))
		return ok && err == nil
	}
	return matchSegments(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

// matchSegments walks both lists. ** is tried with as few segments as possible; only the last ** that was met has to be
// tried again, so the time is at most the product of both lengths.
func matchSegments(pattern, name []string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == "**" {
			star, from = p, n
			p++
			continue
		}
		if p < len(pattern) {
			if ok, err := path.Match(pattern[p], name[n]); ok && err == nil {
				p, n = p+1, n+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	for p < len(pattern) && pattern[p] == "**" {
		p++
	}
	return p == len(pattern)
}
