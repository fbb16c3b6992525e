package s3wire

// The two encodings of S3: the strict one of signatures (RFC 3986, upper-case hex, nothing reserved left bare) and the
// one of listings, which is that of HTML forms.

const upperHex = "0123456789ABCDEF"

// unreserved reports whether signatures leave the byte as it is (RFC 3986 section 2.3).
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// appendEscaped appends s encoded for a signature. keepSlash is for paths.
func appendEscaped(dst []byte, s string, keepSlash bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if unreserved(c) || keepSlash && c == '/' {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
	}
	return dst
}

// canonicalQueryText reports whether a raw piece of a query is encoded as signatures have it already: then it need not
// be decoded and encoded again.
func canonicalQueryText(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if unreserved(c) {
			continue
		}
		if c != '%' || i+2 >= len(s) || !isUpperHex(s[i+1]) || !isUpperHex(s[i+2]) {
			return false
		}
		if unreserved(unhex(s[i+1])<<4 | unhex(s[i+2])) {
			return false // "%41" is "A"
		}
		i += 2
	}
	return true
}

func isUpperHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' }

func isHex(c byte) bool { return isUpperHex(c) || c >= 'a' && c <= 'f' }

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// EscapePath encodes a key for the path of a URL: a space becomes "%20", slashes stay bare.
func EscapePath(key string) string { return string(appendEscaped(nil, key, true)) }

// EncodeKey encodes a key for a listing with encoding-type=url: as an HTML form would, but with slashes left bare.
// A space becomes "+", a tilde "%7E", an asterisk stays.
func EncodeKey(key string) string {
	n := 0
	for i := 0; i < len(key); i++ {
		if !bareInListing(key[i]) {
			n++
		}
	}
	if n == 0 {
		return key
	}
	dst := make([]byte, 0, len(key)+2*n)
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case bareInListing(c):
			dst = append(dst, c)
		case c == ' ':
			dst = append(dst, '+')
		default:
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(dst)
}

func bareInListing(c byte) bool { return c != '~' && unreserved(c) || c == '*' || c == '/' }
