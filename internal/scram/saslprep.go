package scram

import (
	"unicode/utf8"

	"github.com/xdg-go/stringprep"
)

// prepare makes of a password what PostgreSQL derives keys from: SASLprep of RFC 4013, or the bytes as they are where
// that fails. Plain ASCII is always taken as it is, which SASLprep would mostly do too.
func prepare(password string) string {
	if isASCII(password) {
		return password
	}
	prepared, err := profile().Prepare(password)
	if err != nil || prepared == "" || !utf8.ValidString(password) {
		return password
	}
	return prepared
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// profile is SASLprep with the mappings in PostgreSQL's order. RFC 4013 does not say which one counts for U+200B, which
// is in both of its tables: here it becomes a space.
func profile() stringprep.Profile {
	p := stringprep.SASLprep
	p.Mappings = []stringprep.Mapping{p.Mappings[1], p.Mappings[0]}
	return p
}
