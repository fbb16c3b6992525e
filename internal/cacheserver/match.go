package cacheserver

// match reports whether a name fits a pattern of Redis: * any text, ? any byte, [a-z] and [^a] one of a class, \ takes the next
// byte as it is. It looks back only to the last star, so the time is at most the product of both lengths.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, from := -1, 0 // the last star, and where what follows it began to fit
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, from = p, n
			p++
			continue
		}
		if p < len(pattern) {
			if size, ok := matchOne(pattern[p:], name[n]); ok {
				p, n = p+size, n+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne compares a byte with the first part of a pattern, and returns the length of the part.
func matchOne(pattern string, b byte) (size int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return matchClass(pattern, b)
	case '\\':
		if len(pattern) > 1 {
			return 2, pattern[1] == b
		}
	}
	return 1, pattern[0] == b
}

// matchClass compares a byte with a class, whose end may be missing.
func matchClass(pattern string, b byte) (size int, ok bool) {
	at := 1
	not := at < len(pattern) && pattern[at] == '^'
	if not {
		at++
	}
	found := false
	for at < len(pattern) && pattern[at] != ']' {
		low := pattern[at]
		if low == '\\' && at+1 < len(pattern) {
			at++
			low = pattern[at]
		} else if at+2 < len(pattern) && pattern[at+1] == '-' {
			high := pattern[at+2]
			found = found || min(low, high) <= b && b <= max(low, high)
			at += 3
			continue
		}
		found = found || low == b
		at++
	}
	return min(at+1, len(pattern)), found != not
}
