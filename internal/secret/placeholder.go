package secret

import (
	"regexp"
	"strings"
)

// IsPlaceholder reports whether a value is what manuals, samples and templates write where a secret belongs: "changeme",
// "<password>", "${DB_PASSWORD}" that nobody expanded, a run of X, the default of a well-known program. Such a value is
// refused wherever a secret is configured: it is not secret, or it is not meant.
//
// It errs on the side of letting a value pass. A secret of random letters is taken for a placeholder less than once in
// ten million times.
func IsPlaceholder(value string) bool {
	plain := strings.ToLower(strings.Trim(value, " \t\r\n\"'"))
	letters := squeeze(plain)
	switch {
	case plain == "":
		return false
	case repeats(plain), usual[letters], template.MatchString(strings.TrimSpace(value)):
		return true
	}
	for _, part := range telling {
		if strings.Contains(letters, part) {
			return true
		}
	}
	return strings.HasPrefix(letters, "your") && strings.HasSuffix(letters, "here")
}

// squeeze drops what people put between words, so that "change-me", "change_me" and "Change me!" are one.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_.,:;!?*#\t", r) {
			return -1
		}
		return r
	}, s)
}

// repeats reports whether s is one character again and again, as "XXXX", "****" or "....".
func repeats(s string) bool {
	return len(s) >= 3 && strings.Count(s, s[:1]) == len(s)
}

// template matches what a template engine, a shell or a person was to replace: <x>, [x], ${x}, $(x), {{x}}, %x%, $NAME.
var template = regexp.MustCompile(`^(<.*>|\[.*\]|\$\{.*\}|\$\(.*\)|\{\{.*\}\}|%[A-Za-z_]+%|\$[A-Z_]{3,})$`)

// telling are parts of a word that only a placeholder has.
var telling = []string{
	"xxxxxx", "changeme", "changethis", "changeit", "replaceme", "replacethis", "placeholder", "example", "fixme", "djangoinsecure",
	"yoursecret", "yoursecure", "yourpassword", "yourkey", "yourtoken", "youraccess", "yourown", "yourdb", "yoursession",
	"insertsecret", "insertpassword", "mysecret", "mypassword", "supersecret", "topsecret", "somesecret", "longrandom", "notsecret",
}

// usual are whole values that a machine guesses first, and the defaults of programs that stand near us.
var usual = set("password passwd passphrase pass pw secret secretkey secretaccesskey accesskey accesskeyid key token apikey session " +
	"sessionsecret admin administrator root user username postgres postgresql postgrespassword postgrespw app application holdfast django test testing " +
	"demo dev default none null nil undefined empty tbd todo qwerty letmein foobar foo bar hunter2 keyboardcat keyboard " +
	"1234 12345 123456 1234567 12345678 123456789 1234567890 password1 password123 passw0rd p@ssw0rd admin123 abc123 " +
	"minioadmin minio minio123 garage rustfsadmin redis")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}
