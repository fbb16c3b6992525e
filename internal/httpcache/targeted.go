package httpcache

import (
	"net/http"
	"strconv"
	"strings"
)

// parseTargeted reads CDN-Cache-Control, which is for caches that belong to the site, as this one does, and counts in place of
// Cache-Control and Expires. It is a dictionary of RFC 8941 section 3.2; one that cannot be read is not there (RFC 9213 section 2.1).
func parseTargeted(h http.Header) (d directives, ok bool) {
	d = noDirectives()
	text := strings.Trim(strings.Join(h["Cdn-Cache-Control"], ","), " ")
	if text == "" {
		return d, false
	}
	for {
		name, value, rest, ok := nextMember(text)
		if !ok {
			return d, false
		}
		d.setTargeted(name, value)
		rest = strings.TrimLeft(rest, " \t")
		if rest == "" {
			return d, true
		}
		if rest[0] != ',' {
			return d, false
		}
		if text = strings.TrimLeft(rest[1:], " \t"); text == "" {
			return d, false // a comma at the end
		}
	}
}

// setTargeted takes a member: times are integers, all others true.
func (d *directives) setTargeted(name, value string) {
	switch name {
	case "max-age", "s-maxage", "stale-while-revalidate", "stale-if-error":
		if _, err := strconv.ParseInt(value, 10, 64); err == nil {
			d.set(name, value, true)
		}
	default:
		if value != "?0" {
			d.set(name, "", false)
		}
	}
}

// nextMember takes one member with its parameters off a dictionary. The value of a member without one is "?1".
func nextMember(text string) (name, value, rest string, ok bool) {
	if name, rest, ok = sfKey(text); !ok {
		return "", "", "", false
	}
	value = "?1"
	if strings.HasPrefix(rest, "=") {
		if value, rest, ok = sfItem(rest[1:]); !ok {
			return "", "", "", false
		}
	}
	for strings.HasPrefix(rest, ";") {
		if _, rest, ok = sfKey(strings.TrimLeft(rest[1:], " ")); !ok {
			return "", "", "", false
		}
		if strings.HasPrefix(rest, "=") {
			if _, rest, ok = sfItem(rest[1:]); !ok {
				return "", "", "", false
			}
		}
	}
	return name, value, rest, true
}

// sfKey reads a key (RFC 8941 section 3.1.2).
func sfKey(text string) (key, rest string, ok bool) {
	i := 0
	for i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] == '*' || i > 0 && (isDigit(text[i]) || strings.IndexByte("_-.", text[i]) >= 0)) {
		i++
	}
	return text[:i], text[i:], i > 0
}

// sfItem reads a number, string, token, byte sequence or boolean (RFC 8941 section 3.3), and returns it as it is written.
func sfItem(text string) (item, rest string, ok bool) {
	if text == "" {
		return "", "", false
	}
	switch c := text[0]; {
	case c == '"':
		value, rest := quoted(text[1:])
		return `"` + value, rest, strings.Count(text, `"`) > 1 // the quote tells it from a number
	case c == ':':
		i := strings.IndexByte(text[1:], ':')
		return "", text[i+2:], i >= 0
	case c == '?':
		if len(text) < 2 || text[1] != '0' && text[1] != '1' {
			return "", "", false
		}
		return text[:2], text[2:], true
	case c == '-' || isDigit(c):
		i := 1
		for i < len(text) && (isDigit(text[i]) || text[i] == '.') {
			i++
		}
		return text[:i], text[i:], isDigit(text[i-1]) && i <= 16
	case c == '*' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
		i := strings.IndexAny(text, " \t,;\"()")
		if i < 0 {
			i = len(text)
		}
		return text[:i], text[i:], true
	}
	return "", "", false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
