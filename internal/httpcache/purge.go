package httpcache

import (
	"net/url"
	"slices"
	"strings"

	"holdfast/internal/fault"
)

// Purge says what to remove. One of the fields is set.
type Purge struct {
	All bool   `json:"all,omitempty"`
	URL string `json:"url,omitempty"` // an address, or a path on every host; with its query, as it stands
	// URLs are many of them.
	URLs   []string `json:"urls,omitempty"`
	Prefix string   `json:"prefix,omitempty"` // the beginning of addresses, or of paths on every host
	Tag    string   `json:"tag,omitempty"`
}

// Check reports what is wrong with an order.
func (p Purge) Check() error {
	n := 0
	for _, set := range []bool{p.All, p.URL != "", len(p.URLs) > 0, p.Prefix != "", p.Tag != ""} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fault.New(fault.Usage, "purge_what", "an order to remove names one of all, url, urls, prefix and tag, not %d", n).
			WithHint("give one of --all, --url, --prefix, --tag")
	}
	if len(p.URLs) > MaxURLs {
		return fault.New(fault.Usage, "purge_address", "%d addresses are more than %d in one order", len(p.URLs), MaxURLs)
	}
	for _, text := range append([]string{p.URL, p.Prefix}, p.URLs...) {
		u, err := url.Parse(text)
		if text == "" || err == nil && (strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") || (u.Scheme == "http" || u.Scheme == "https") && u.Host != "") {
			continue
		}
		return fault.New(fault.Usage, "purge_address", "%q is neither a path nor an address", text).
			WithHint(`write "/news/" or "https://host/news/"`)
	}
	for _, text := range append([]string{p.URL, p.Prefix, p.Tag}, p.URLs...) {
		if len(text) > maxText {
			return fault.New(fault.Usage, "purge_address", "what is to be removed is longer than %d bytes", maxText)
		}
	}
	return nil
}

const (
	// MaxURLs is how many addresses one order may have.
	MaxURLs = 256
	// maxText is how long what an order names may be, in bytes.
	maxText = 4000
)

// Purge removes what is stored here and keeps what is in flight from being stored. It returns how many answers there were.
func (c *Cache) Purge(p Purge) (int, error) {
	if err := p.Check(); err != nil {
		return 0, err
	}
	s := c.settings.Load()
	if len(p.URLs) > 0 {
		return c.purgeURLs(s, p.URLs), nil
	}
	switch {
	case p.All:
		return c.removeFunc(func(string, []string) bool { return true }, nil), nil
	case p.Tag != "":
		return c.removeFunc(func(_ string, tags []string) bool { return slices.Contains(tags, p.Tag) }, []string{p.Tag}), nil
	case strings.HasPrefix(p.Prefix, "/"):
		return c.removeFunc(func(address string, _ []string) bool { return strings.HasPrefix(pathOf(address), p.Prefix) }, nil), nil
	case p.Prefix != "":
		want := strings.TrimPrefix(normal(s, p.Prefix, false), "//")
		return c.removeFunc(func(address string, _ []string) bool { return strings.HasPrefix(withoutScheme(address), want) }, nil), nil
	}
	return c.purgeURLs(s, []string{p.URL}), nil
}

// purgeURLs removes addresses, and paths on every host.
func (c *Cache) purgeURLs(s *settings, urls []string) (n int) {
	var addresses []string
	paths := map[string]bool{}
	for _, u := range urls {
		if strings.HasPrefix(u, "/") {
			paths[strings.TrimPrefix(normal(s, "https://host"+u, true), "//host")] = true
			continue
		}
		want := strings.TrimPrefix(normal(s, u, true), "//")
		addresses = append(addresses, "https://"+want, "http://"+want)
	}
	if len(addresses) > 0 {
		n = c.removeAddresses(addresses)
	}
	if len(paths) > 0 {
		n += c.removeFunc(func(address string, _ []string) bool { return paths[pathOf(address)] }, nil)
	}
	return n
}

// normal writes an address as it stands in slots, from "//" on.
func normal(s *settings, text string, query bool) string {
	u, err := url.Parse(text)
	if err != nil {
		return "//"
	}
	all := s.addresses(u)
	_, rest, _ := strings.Cut(all[0], ":")
	if !query && u.Path == "" {
		rest = strings.TrimSuffix(rest, "/")
	}
	return rest
}

// addresses are those that a URL may be stored under: visitors may come by either scheme.
func (s *settings) addresses(u *url.URL) []string {
	query := s.rule(u.Path).query(u.RawQuery)
	host := u.Host
	if name, port, ok := strings.Cut(host, ":"); ok && !strings.Contains(port, ":") && (port == "80" || port == "443") {
		host = name
	}
	return []string{address("https", host, u.EscapedPath(), query), address("http", host, u.EscapedPath(), query)}
}

func withoutScheme(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	return rest
}

// pathOf is an address without scheme and host.
func pathOf(address string) string {
	rest := withoutScheme(address)
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return ""
}

// removeAddresses removes all answers of some addresses.
func (c *Cache) removeAddresses(addresses []string) (n int) {
	c.withPublish(func() {
		c.doom(func(f *flight) bool { return slices.Contains(addresses, f.id.address) }, nil)
		for _, a := range addresses {
			if c.store.remove(a) {
				n++
			}
		}
	})
	return n
}

// removeFunc removes all answers that match. With tags, flights learn those: which an answer has is known when it comes.
func (c *Cache) removeFunc(match func(address string, tags []string) bool, tags []string) (n int) {
	c.withPublish(func() {
		c.doom(func(f *flight) bool { return tags != nil || match(f.id.address, nil) }, tags)
		n = c.store.removeFunc(match)
	})
	return n
}

// doom keeps the answers of flights from being stored, and lets nobody else join them. Callers must hold publish.
func (c *Cache) doom(match func(*flight) bool, tags []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.flying {
		if match(f) {
			f.doom(tags)
			if f.key != "" && c.flights[f.key] == f {
				delete(c.flights, f.key)
			}
		}
	}
}
