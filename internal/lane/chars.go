package lane

// names has for each character of a field name (RFC 9110 section 5.6.2, token) its lower case, and 0 for others.
var names = nameTable()

// targets has the characters that mean the same to everybody in a path or query: what RFC 3986 allows unescaped in a
// segment, and the slash.
var targets = targetTable()

func nameTable() (t [256]byte) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
		t[c] = c
	}
	for c := byte('A'); c <= 'Z'; c++ {
		t[c] = c + 'a' - 'A'
	}
	return t
}

func targetTable() (t [256]bool) {
	for _, c := range []byte("-._~!$&'()*+,;=:@/") {
		t[c] = true
	}
	for c := range t {
		t[c] = t[c] || alphanumeric(byte(c))
	}
	return t
}

// isHost reports characters of names and addresses, with a port.
func isHost(c byte) bool {
	return alphanumeric(c) || c == '.' || c == '-' || c == ':' || c == '_' || c == '[' || c == ']'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
