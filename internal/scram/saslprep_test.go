package scram

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/xdg-go/stringprep"

	"holdfast/internal/pgtest"
)

// A maker has PostgreSQL make verifiers.
type maker struct {
	t    *testing.T
	conn *pgx.Conn
	role string
}

func newMaker(t *testing.T, role string) *maker {
	t.Helper()
	db := pgtest.Database(t)
	db.Exec(t, "CREATE ROLE "+role)
	t.Cleanup(func() { db.Exec(t, "DROP ROLE "+role) })
	return &maker{t, db.Conn(t), role}
}

// fits reports whether the password fits the verifier that PostgreSQL makes of it.
func (m *maker) fits(password string) bool {
	m.t.Helper()
	quoted := "'" + strings.ReplaceAll(password, "'", "''") + "'"
	if _, err := m.conn.Exec(m.t.Context(), "SET standard_conforming_strings = on; ALTER ROLE "+m.role+" PASSWORD "+quoted, pgx.QueryExecModeSimpleProtocol); err != nil {
		m.t.Fatalf("%q: %v", password, err)
	}
	var text string
	if err := m.conn.QueryRow(m.t.Context(), "SELECT rolpassword FROM pg_authid WHERE rolname = $1", m.role).Scan(&text); err != nil {
		m.t.Fatal(err)
	}
	k, err := ParseVerifier(text)
	if err != nil {
		m.t.Fatalf("%q: %v", password, err)
	}
	return k.Matches(password)
}

func TestPasswordsArePreparedAsPostgreSQLDoes(t *testing.T) {
	t.Parallel()
	m := newMaker(t, "saslprep_table")
	for _, password := range []string{
		"pencil", "päßwörd", "I\u00adX", "user", "USER", "\u00aa", "\u2168", "\u0007", "a\u0007\u00a0", "\u0627\u0031", "\u0627\u0031\u0627",
		"\u0627a\u0627", "a\u00a0b", "\u00a0", "\u200b", "a\u200bb", "\u00ad", "\u00ad\u034f", "a\u00adb", "\u1680", "\u3000x", "e\u0301", "é",
		"\ufb01", "\uff21", "\u2126", "\ufffd", "\ue000", "a\u202ab", "\U000e0001", "\u0221", "\u0234", "\U0001f600", "\ufdfa", "\u0340",
		" leading and trailing ", "\t", "日本語のパスワード", "пароль", "סיסמה", "סיסמה1", "1סיסמה", "كلمة", "a'b\\c$", "\u2028", "\u06dd", "x\u06ddy",
	} {
		if !m.fits(password) {
			t.Errorf("%q (%U) is prepared in another way: as %q", password, []rune(password), prepare(password))
		}
	}
}

// classes sorts all code points by what SASLprep does with them: taken from left to right, taken from right to left,
// and the first and last of each run of those that are refused.
func classes() (left, right []rune, refused []string) {
	profile := profile()
	for before, r := true, rune(0x80); r <= utf8.MaxRune; r++ {
		if r >= 0xd800 && r <= 0xdfff {
			continue
		}
		_, err := profile.Prepare(string([]rune{r}))
		switch {
		case err == nil && stringprep.TableD1.Contains(r):
			right = append(right, r)
		case err == nil:
			left = append(left, r)
		}
		if taken := err == nil; taken != before {
			if refused = append(refused, string(r)); taken {
				refused[len(refused)-1] = string(r - 1)
			}
			before = taken
		}
	}
	return left, right, refused
}

// All of Unicode, a part of it in each run; all at once with HOLDFAST_SOAK set. In front of each password stands a
// character that is changed, so that it shows whether the rest was refused.
func TestAllOfUnicodeIsPreparedAsPostgreSQLDoes(t *testing.T) {
	t.Parallel()
	m := newMaker(t, "saslprep_unicode")
	every := 8
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_SOAK")); err == nil && n > 0 {
		every = 1
	}
	left, right, refused := classes()
	if len(left) < 50000 || len(right) < 500 || len(refused) < 300 {
		t.Fatalf("%d, %d and %d code points", len(left), len(right), len(refused))
	}
	const changed = "\u00a0"
	const many = 250 // PostgreSQL 13 does not prepare what is longer than 1024 bytes
	for i := 0; i < len(left); i += many * every {
		checkRunes(m, changed, left[i:min(i+many, len(left))], "z")
	}
	for i := 0; i < len(right); i += 100 {
		checkRunes(m, "\u0627"+changed, right[i:min(i+100, len(right))], "\u0627")
	}
	for i := 0; i < len(refused); i += every {
		checkRunes(m, changed, []rune(refused[i]), "z")
		checkRunes(m, "\u0627"+changed, []rune(refused[i]), "\u0627")
	}
}

// checkRunes asks for all at once and, if PostgreSQL does otherwise, halves them until it is known which.
func checkRunes(m *maker, front string, runes []rune, back string) {
	m.t.Helper()
	if m.fits(front + string(runes) + back) {
		return
	}
	if len(runes) == 1 {
		m.t.Errorf("%U is prepared in another way", runes[0])
		return
	}
	half := len(runes) / 2
	checkRunes(m, front, runes[:half], back)
	checkRunes(m, front, runes[half:], back)
}
