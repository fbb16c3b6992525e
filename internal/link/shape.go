package link

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Expiry returns the end of a life of ttl from now, rounded up to a multiple of window since the Unix epoch. A window
// below a second rounds to the second.
func Expiry(now time.Time, ttl, window time.Duration) time.Time {
	w := max(int64(window/time.Second), 1)
	end := now.Add(ttl)
	sec := end.Unix()
	if end.Nanosecond() > 0 {
		sec++
	}
	return time.Unix((sec+w-1)/w*w, 0).UTC()
}

// maxName is the longest download name in bytes: what file systems take.
const maxName = 255

// CleanName makes a download name of a key or of what a person typed: the last segment, without control characters,
// shortened to 255 bytes; "file" when nothing is left.
func CleanName(s string) string {
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		if control(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	for len(s) > maxName {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	if s == "" || s == "." || s == ".." {
		return "file"
	}
	return s
}

// control reports characters that have no place in a name: C0, DEL, C1, and those that turn the direction of text,
// with which "exe.gpj" is made to read "jpg.exe".
func control(r rune) bool {
	return r < 0x20 || 0x7f <= r && r < 0xa0 || 0x200e <= r && r <= 0x200f || 0x202a <= r && r <= 0x202e ||
		0x2066 <= r && r <= 0x2069
}

func nameShape(s string) bool {
	if s == "" || len(s) > maxName || s == "." || s == ".." || strings.ContainsAny(s, `/\`) || !utf8.ValidString(s) {
		return false
	}
	return strings.IndexFunc(s, control) < 0
}

// keyShape holds for keys that a URL path carries unchanged through browsers and proxies.
func keyShape(s string) bool {
	if s == "" || len(s) > 1024 || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return false
	}
	for seg := range strings.SplitSeq(s, "/") {
		if seg == "" || seg == "." || seg == ".." {
			return false
		}
	}
	return true
}

func blobShape(s string) bool {
	if len(s) != 32 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func kidShape(s string) bool  { return lowerShape(s, 16) }
func slotShape(s string) bool { return lowerShape(s, 64) }

func lowerShape(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// wordShape holds for one or more characters of base64url.
func wordShape(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// expShape: after 1970 and before the year 5138, so that the number has at most 11 digits.
func expShape(exp int64) bool { return exp > 0 && exp < 1e11 }

// typeShape holds for "" and for a media type without parameters (RFC 9110 section 8.3.1) or with a subtype of "*".
func typeShape(s string) bool {
	if s == "" {
		return true
	}
	main, sub, ok := strings.Cut(s, "/")
	return ok && len(s) <= 127 && tokenShape(main) && (sub == "*" || tokenShape(sub))
}

func tokenShape(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("!#$&^_.+-", c) < 0 {
			return false
		}
	}
	return s != ""
}

// escape percent-encodes everything but the unreserved characters (RFC 3986 section 2.3), so that signers in every
// language spell a URL alike and caches hit.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		c := s[i]
		if wordShape(s[i:i+1]) || c == '.' || c == '~' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
