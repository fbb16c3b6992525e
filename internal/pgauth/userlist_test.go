package pgauth

import (
	"strings"
	"testing"
)

const testVerifier = "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$" +
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func TestAUserFileIsReadStrictly(t *testing.T) {
	t.Parallel()
	users, err := parseUserlist([]byte("; comment\n# comment\n\n\"a\" \"" + testVerifier + "\"\n  \"b \"\"x\"\"\"\t\"plain\"  \r\n"))
	if err != nil || len(users) != 2 || users[0].name != "a" || users[0].keys.Iterations != 4096 || users[1].name != `b "x"` ||
		users[1].password.Reveal() != "plain" || users[1].line != 5 {
		t.Errorf("users %+v, %v", users, err)
	}
	f := func(line, says string) {
		t.Helper()
		_, err := parseUserlist([]byte("\n" + line + "\n"))
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v; want an error in line 2 that says %q", line, err, says)
		}
	}
	f(`alice "x"`, "does not begin")
	f(`"alice`, "closing")
	f(`"alice"`, "password of \"alice\"")
	f(`"alice" "x`, "closing")
	f(`"alice" ""`, "empty")
	f(`"" "x"`, "1 to 128")
	f(`"`+strings.Repeat("a", 129)+`" "x"`, "1 to 128")
	f(`"alice" "x" "y"`, "something follows")
	f(`"alice" "md5`+strings.Repeat("a", 32)+`"`, "md5") // S2-54
	f(`"alice" "SCRAM-SHA-256$broken"`, "no verifier")
	if _, err := parseUserlist([]byte("\"a\" \"x\"\n\"a\" \"y\"\nb\n")); err == nil || !strings.Contains(err.Error(), "line 1 already") || !strings.Contains(err.Error(), "line 3") {
		t.Errorf("two mistakes: %v; want both", err)
	}
	if _, err := parseUserlist([]byte(`"a" "tell-nobody" z`)); err == nil || strings.Contains(err.Error(), "tell-nobody") {
		t.Errorf("%v; want an error without the password", err)
	}
}

func FuzzUserlist(f *testing.F) {
	f.Add([]byte("\"a\" \"" + testVerifier + "\"\n\"b\" \"x\"\"y\"\n; c"))
	f.Add([]byte(`"a" "md5` + strings.Repeat("0", 32) + `"`))
	f.Fuzz(func(t *testing.T, text []byte) {
		users, err := parseUserlist(text)
		if err != nil && len(users) > 0 {
			t.Fatalf("%d users besides %v", len(users), err)
		}
		seen := map[string]bool{}
		for _, u := range users {
			if seen[u.name] || u.name == "" || u.password.IsZero() == (u.keys.Iterations == 0) {
				t.Fatalf("user %+v of %q", u, text)
			}
			seen[u.name] = true
		}
	})
}

func FuzzRow(f *testing.F) {
	f.Add("verifier", "SCRAM-SHA-256$", "valid_until", "2026-01-02 03:04:05+00")
	f.Add("usename", "alice", "passwd", "x")
	f.Fuzz(func(t *testing.T, column, value, column2, value2 string) {
		row, err := ParseRow([]string{column, column2, "can_login"}, []*string{&value, &value2, nil})
		if err == nil && (!row.Found || !row.NoLogin) {
			t.Fatalf("row %+v", row)
		}
	})
}
