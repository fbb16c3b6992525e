package pgauth

import (
	"bytes"
	"fmt"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

const (
	maxUserName = 128 // bytes
	maxUserlist = 64 << 20
)

// listed is a line of a user file.
type listed struct {
	name     string
	keys     scram.Keys    // of a verifier
	password secret.String // of a plain password; keys are empty then
	line     int
}

// parseUserlist reads the form of PgBouncer's auth_file: "user" "verifier or password", one a line, a quote within
// quotes doubled; what begins with ; or # is a comment. Errors name the line and never repeat a password.
func parseUserlist(text []byte) ([]listed, error) {
	var users []listed
	var problems fault.Problems
	seen := map[string]int{}
	number := 0
	for raw := range bytes.Lines(text) {
		number++
		line := strings.TrimSpace(string(raw))
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		u, err := parseUser(line)
		if err == nil && seen[u.name] != 0 {
			err = fmt.Errorf("the user %q stands in line %d already", u.name, seen[u.name])
		}
		if err != nil {
			problems = append(problems, fault.Problem{Key: fmt.Sprintf("line %d", number), Message: err.Error()})
			continue
		}
		u.line, seen[u.name] = number, number
		users = append(users, u)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return users, nil
}

func parseUser(line string) (listed, error) {
	name, rest, err := parseQuoted(line)
	if err != nil {
		return listed{}, fmt.Errorf("the user: %w", err)
	}
	if name == "" || len(name) > maxUserName || strings.ContainsRune(name, 0) {
		return listed{}, fmt.Errorf("a user's name has 1 to %d bytes", maxUserName)
	}
	password, rest, err := parseQuoted(strings.TrimLeft(rest, " \t"))
	if err != nil {
		return listed{}, fmt.Errorf("the password of %q: %w", name, err)
	}
	if rest = strings.TrimSpace(rest); rest != "" {
		return listed{}, fmt.Errorf("something follows the password of %q", name)
	}
	u := listed{name: name}
	switch {
	case password == "":
		return listed{}, fmt.Errorf("the password of %q is empty", name)
	case strings.HasPrefix(password, "SCRAM-SHA-256$"):
		if u.keys, err = scram.ParseVerifier(password); err != nil {
			return listed{}, fmt.Errorf("the password of %q: %w", name, err)
		}
	case isMD5(password):
		return listed{}, fmt.Errorf("the password of %q is an md5 hash, which is not supported: set it anew with password_encryption = scram-sha-256", name)
	default:
		u.password = secret.New(password)
	}
	return u, nil
}

// isMD5 reports whether a text looks like PostgreSQL's md5 passwords: "md5" and 32 hexadecimal digits.
func isMD5(s string) bool {
	return len(s) == 35 && strings.HasPrefix(s, "md5") && strings.Trim(s[3:], "0123456789abcdef") == ""
}

// parseQuoted reads a text in double quotes and returns what follows it.
func parseQuoted(s string) (text, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", fmt.Errorf(`it does not begin with "`)
	}
	var b strings.Builder
	for s = s[1:]; ; {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			return "", "", fmt.Errorf(`the closing " is missing`)
		}
		b.WriteString(s[:i])
		if s = s[i+1:]; !strings.HasPrefix(s, `"`) {
			return b.String(), s, nil
		}
		b.WriteByte('"')
		s = s[1:]
	}
}
