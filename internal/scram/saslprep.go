package scram

import (
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
	"golang.org/x/text/unicode/norm"
)

// prepare makes of a password what PostgreSQL derives keys from: SASLprep of RFC 4013, or the bytes as they are where
// that fails. Plain ASCII is always taken as it is, which SASLprep would mostly do too.
//
// PostgreSQL looks for what is forbidden before it normalizes, where the RFC looks afterwards. So a password with a
// character that was normalized into a harmless one is taken as it is, and we have to do the same.
func prepare(password string) string {
	if isASCII(password) || !utf8.ValidString(password) {
		return password
	}
	mapped, err := profile().Prepare(password)
	if err != nil || mapped == "" {
		return password
	}
	return norm.NFKC.String(mapped)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// profile is SASLprep without normalization, and with the mappings in PostgreSQL's order. RFC 4013 does not say which
// one counts for U+200B, which is in both of its tables: here it becomes a space. U+1806, which table B.1 of RFC 3454
// maps to nothing, is missing in the library.
func profile() stringprep.Profile {
	p := stringprep.SASLprep
	p.Mappings = []stringprep.Mapping{p.Mappings[1], p.Mappings[0], {0x1806: nil}}
	p.Normalize = false
	return p
}
