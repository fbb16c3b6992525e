package httpcache

import "strings"

// matches compares a list of entity tags with one, weakly, as net/http does it for If-None-Match: a list that is broken holds what stands before
// the fault.
func matches(list, etag string) bool {
	for {
		list = strings.TrimLeft(list, " \t")
		if list == "" {
			return false
		}
		if list[0] == ',' {
			list = list[1:]
			continue
		}
		if list[0] == '*' {
			return true
		}
		tag, rest := tagOf(list)
		if tag == "" {
			return false
		}
		if weakly(tag) == weakly(etag) {
			return true
		}
		list = rest
	}
}

// weakly is a tag without the mark of a weak one.
func weakly(tag string) string { return strings.TrimPrefix(tag, "W/") }

// tagOf takes the entity tag at the beginning of a list (RFC 9110 section 8.8.3).
func tagOf(list string) (tag, rest string) {
	start := 0
	if strings.HasPrefix(list, "W/") {
		start = 2
	}
	if len(list) < start+2 || list[start] != '"' {
		return "", ""
	}
	for i := start + 1; i < len(list); i++ {
		switch c := list[i]; {
		case c == '"':
			return list[:i+1], list[i+1:]
		case c == 0x21 || c >= 0x23 && c <= 0x7E || c >= 0x80:
		default:
			return "", ""
		}
	}
	return "", ""
}
