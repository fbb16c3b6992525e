package pgbouncer

import "strings"

// secretKind is how a list of users keeps a secret.
type secretKind uint8

const (
	noSecret secretKind = iota
	plainSecret
	md5Secret
	scramSecret
)

// listedUser is a user of auth_file. The secret itself is not kept.
type listedUser struct {
	name string
	kind secretKind
	place
}

// userlist reads a file of lines "user" "secret". Names and secrets are in double quotes; what follows them is ignored.
func userlist(path, text string) ([]listedUser, error) {
	var out []listedUser
	for i, line := range strings.Split(text, "\n") {
		at := place{path, i + 1}
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		if line[0] != '"' {
			return nil, invalid(at, "a user begins with a double quote")
		}
		name, rest, ok := cutQuoted(line, '"')
		rest = strings.TrimLeft(rest, " \t")
		if !ok || !strings.HasPrefix(rest, `"`) {
			return nil, invalid(at, `a line is "user" "secret"`)
		}
		secret, _, ok := cutQuoted(rest, '"')
		if !ok {
			return nil, invalid(at, `a line is "user" "secret"`)
		}
		out = append(out, listedUser{name, kindOf(secret), at})
	}
	return out, nil
}

func kindOf(secret string) secretKind {
	switch {
	case secret == "":
		return noSecret
	case strings.HasPrefix(secret, "SCRAM-SHA-256$"):
		return scramSecret
	case len(secret) == 35 && strings.HasPrefix(secret, "md5") && strings.Trim(secret[3:], "0123456789abcdef") == "":
		return md5Secret
	}
	return plainSecret
}
