package httpcache

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// settings are what a Config says, ready to be asked. They do not change; others take their place.
type settings struct {
	rules            []*rule // the longest path first; the last is for all the rest
	whileRevalidate  time.Duration
	ifError          time.Duration
	heuristics       bool
	clientDirectives bool
	collapseWait     time.Duration
}

// rule is what holds for some paths.
type rule struct {
	path          string
	bypass        bool
	ttl           time.Duration
	ignoreQuery   names
	ignoreCookies names
	vary          []string
	count         *counts
}

// counts are what became of the requests under a rule.
type counts struct{ hits, misses, passes atomic.Int64 }

// names are names, and beginnings of names with a star.
type names struct {
	all    bool
	plain  map[string]bool
	prefix []string
}

func newNames(lists ...[]string) names {
	n := names{plain: map[string]bool{}}
	for _, text := range slices.Concat(lists...) {
		switch before, star := strings.CutSuffix(text, "*"); {
		case star && before == "":
			n.all = true
		case star:
			n.prefix = append(n.prefix, before)
		default:
			n.plain[text] = true
		}
	}
	return n
}

func (n names) empty() bool { return !n.all && len(n.plain) == 0 && len(n.prefix) == 0 }

func (n names) has(name string) bool {
	return n.all || n.plain[name] || slices.ContainsFunc(n.prefix, func(p string) bool { return strings.HasPrefix(name, p) })
}

// newSettings reads a configuration. Counts of rules whose path stays go on.
func newSettings(c Config, before *settings) *settings {
	s := &settings{
		whileRevalidate: c.StaleWhileRevalidate.D(), ifError: c.StaleIfError.D(), heuristics: c.Heuristics,
		clientDirectives: c.ClientDirectives, collapseWait: c.CollapseWait.D(),
	}
	rules := slices.Clone(c.Rules)
	if !slices.ContainsFunc(rules, func(r Rule) bool { return r.Path == "/" }) {
		rules = append(rules, Rule{Path: "/"})
	}
	for _, r := range rules {
		made := &rule{
			path: r.Path, bypass: r.Bypass, ttl: r.TTL.D(), ignoreQuery: newNames(c.IgnoreQuery, r.IgnoreQuery),
			ignoreCookies: newNames(c.IgnoreCookies, r.IgnoreCookies), count: &counts{},
		}
		for _, name := range r.Vary {
			made.vary = append(made.vary, http.CanonicalHeaderKey(name))
		}
		if before != nil {
			if i := slices.IndexFunc(before.rules, func(b *rule) bool { return b.path == r.Path }); i >= 0 {
				made.count = before.rules[i].count
			}
		}
		s.rules = append(s.rules, made)
	}
	slices.SortStableFunc(s.rules, func(a, b *rule) int { return len(b.path) - len(a.path) })
	return s
}

// rule returns the rule of a decoded path.
func (s *settings) rule(path string) *rule {
	for _, r := range s.rules {
		if strings.HasPrefix(path, r.path) {
			return r
		}
	}
	return s.rules[len(s.rules)-1]
}

// bypassed reports whether a rule keeps the cache away from a path, however it is spelled: some applications take several slashes
// or a backslash for one slash.
func (s *settings) bypassed(path string) bool {
	if s.rule(path).bypass {
		return true
	}
	if !strings.Contains(path, "//") && !strings.Contains(path, `\`) {
		return false
	}
	flat := strings.ReplaceAll(path, `\`, "/")
	for strings.Contains(flat, "//") {
		flat = strings.ReplaceAll(flat, "//", "/")
	}
	return s.rule(flat).bypass
}

// query removes the parameters that do not matter.
func (r *rule) query(raw string) string {
	if raw == "" || r.ignoreQuery.empty() {
		return raw
	}
	var kept []string
	for part := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(part, "=")
		if text, err := url.QueryUnescape(name); err == nil {
			name = text
		}
		if part != "" && !r.ignoreQuery.has(name) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

// foreignCookie reports whether a request has a cookie that is not ignored.
func (r *rule) foreignCookie(h http.Header) bool { return slices.ContainsFunc(h["Cookie"], r.foreign) }

// foreign reports whether a line of cookies has one that is not ignored.
func (r *rule) foreign(line string) bool {
	for part := range strings.SplitSeq(line, ";") {
		name, _, _ := strings.Cut(part, "=")
		if name = strings.Trim(name, " \t"); name == "" && strings.Trim(part, " \t") == "" {
			continue
		}
		if !r.ignoreCookies.has(name) {
			return true
		}
	}
	return false
}
