package relay

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// lex judges a text that arrives in pieces which end at the given places.
func lex(text string, slash bool, cuts ...int) Words {
	var l lexer
	l.start(slash)
	from := 0
	for _, c := range cuts {
		l.feed([]byte(text[from:c]))
		from = c
	}
	l.feed([]byte(text[from:]))
	return l.finish()
}

// wordTable returns a function that compares the words of a text, whole and cut at every place, with what is wanted.
func wordTable(t *testing.T) func(text string, want Words) {
	t.Helper()
	return func(text string, want Words) {
		t.Helper()
		if got := lex(text, false); got != want {
			t.Errorf("%q: %v %b, want %v %b", text, got.PinNames(), got, want.PinNames(), want)
		}
		for i := range len(text) + 1 {
			if got := lex(text, false, i); got != want {
				t.Errorf("%q cut at %d: %b, want %b", text, i, got, want)
			}
		}
	}
}

func TestWordsInStringsNamesAndCommentsDoNotCount(t *testing.T) {
	t.Parallel()
	f := wordTable(t)
	f("", 0)
	f("SELECT 1", 0)
	f("listen a", Listen)
	f("  LISTEN\ta;", Listen)
	f("-- x\nLISTEN a", Listen)
	f("-- x LISTEN a", 0)
	f("--\rLISTEN a", Listen)
	f("/* a /* b */ LISTEN x */ SELECT 1", 0)
	f("/* a */LISTEN x", Listen)
	f("/* a /* /* b */*/ */LISTEN x", Listen)
	f("/*/ LISTEN x */SELECT 1", 0)
	f("/***/LISTEN x", Listen)
	f("SELECT 1 - -1; LISTEN x", Listen|several)
	f("SELECT 2/*x*/*3", 0)
	f("SELECT 'LISTEN x; LISTEN y'", 0)
	f("SELECT 'it''s'; LISTEN x", Listen|several)
	f(`SELECT 'a\'; LISTEN x --'`, Listen|several)
	f(`SELECT E'a\'; LISTEN x --'`, 0)
	f(`SELECT E'a''\'; LISTEN x --'`, 0)
	f("SELECT e'a'\n'\\'; LISTEN x --'", 0)
	f(`SELECT E'\\'; LISTEN x`, Listen|several)
	f(`SELECT date'\'; LISTEN x`, Listen|several)
	f(`SELECT U&'\0041'; LISTEN x`, Listen|several)
	f(`SELECT "a;LISTEN x"`, 0)
	f(`SELECT "a""b"; LISTEN x`, Listen|several)
	f("SELECT $$; LISTEN x; $$", 0)
	f("SELECT $a$; LISTEN x; $$ $b$ $a $a$; LISTEN y", Listen|several)
	f("SELECT $a$ x $a$a$; LISTEN y", Listen|several) // the tag ends at the second dollar
	f("SELECT $1, $2; LISTEN y", Listen|several)
	f("SELECT $1$$; LISTEN y", 0)
	f("SELECT a$b$c; LISTEN y", Listen|several)
	f("SELECT 1$$;LISTEN x$$", 0)
	f("DO $fn$ BEGIN EXECUTE 'x'; LISTEN y; END $fn$", 0)
	f("SELECT listen", 0)
	f("SELECT listened FROM t", 0)
	f("listening", 0)
}

func TestWordsCountWhereTheyDoSomethingToTheSession(t *testing.T) {
	t.Parallel()
	f := wordTable(t)
	f("UNLISTEN *", UnlistenAll|letting)
	f("UNLISTEN*", UnlistenAll|letting)
	f("UNLISTEN a", letting)
	f(`UNLISTEN "a"*`, letting)
	f("DROP TABLE a", letting)
	f("SELECT 1; DROP VIEW a", letting|several)
	f("ALTER TABLE a DROP b", 0)
	f("SELECT * FROM unlisten", 0)
	f("LOAD 'x'", Load)
	f("PREPARE q AS SELECT 1", Prepare)
	f(`PREPARE "Q" AS SELECT 1`, Prepare)
	f("PREPARE TRANSACTION 'x'", 0)
	f("CREATE TEMP TABLE a()", Temp)
	f("create temporary view a as select 1", Temp)
	f("CREATE LOCAL TEMP TABLE a()", Temp)
	f("CREATE OR REPLACE TEMP VIEW a AS SELECT 1", Temp)
	f("CREATE /* x */ TEMP -- y\nTABLE a()", Temp)
	f("CREATE TEMP TABLE a() ON COMMIT DROP", 0)
	f("CREATE TEMP TABLE a() ON COMMIT DELETE ROWS", Temp)
	f("CREATE TEMP TABLE a() ON COMMIT DROP; CREATE TEMP TABLE b()", Temp|several)
	f("CREATE TABLE temp (a int)", 0)
	f("CREATE TABLE pg_temp.a()", Temp)
	f("SELECT 1 INTO TEMP a", Temp)
	f("SELECT 1 INTO temporary a", Temp)
	f("INSERT INTO temp VALUES (1)", 0)
	f("WITH x AS (SELECT 1) INSERT INTO temp SELECT * FROM x", 0)
	f("SELECT pg_advisory_lock(1)", Advisory)
	f("SELECT pg_catalog.PG_TRY_ADVISORY_LOCK_SHARED(1)", Advisory)
	f("SELECT pg_advisory_xact_lock(1)", 0)
	f("SELECT pg_advisory_unlock_all()", UnlockAll)
	f("SELECT pg_advisory_unlock(1)", letting)
	f("SELECT 1, pg_catalog.PG_ADVISORY_UNLOCK_SHARED(1)", letting)
}

func TestWordsOfSettingsCountUnlessTheyEndWithTheTransaction(t *testing.T) {
	t.Parallel()
	f := wordTable(t)
	f("DECLARE c CURSOR WITH HOLD FOR SELECT 1", Hold)
	f("DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1", 0)
	f("CLOSE ALL", CloseAll|letting)
	f("CLOSE a", letting)
	f("SET a = 1", Set)
	f(`SET "a" = 1`, Set)
	f("SET", Set)
	f("SET SESSION a = 1", Set)
	f("SET LOCAL a = 1", local)
	f("SET TRANSACTION READ ONLY", 0)
	f("SET CONSTRAINTS ALL DEFERRED", 0)
	f("BEGIN; SET TRANSACTION READ ONLY; SELECT 1", several)
	f("UPDATE t SET a = 1", 0)
	f("RESET a", Reset)
	f("DISCARD ALL", Discard)
	f("DEALLOCATE ALL", Deallocate)
	f("SELECT set_config('a', 'b', true)", 0)
	f("SELECT set_config('a', 'b', TRUE), set_config('c', $1, true)", 0)
	f("SELECT set_config('a', 'b', false)", SetConfig)
	f("SELECT set_config('a', 'b', $3)", SetConfig)
	f("SELECT set_config('a', b, true)", SetConfig)
	f("SELECT set_config($1, $2, true)", 0)
	f("SELECT 1\x00LISTEN x", 0)
	f("SELECT 'a\x00'; LISTEN x", 0)
	f("SELECT "+strings.Repeat("x", 1000)+"; LISTEN x", Listen|several)
	f("SELECT $"+strings.Repeat("x", 1000)+"$ LISTEN", Set) // nobody knows where that ends
	f("(SELECT 1)", 0)
	f(";;;", 0)
}

func TestBackslashesInPlainStringsMeanWhatTheSettingSays(t *testing.T) {
	t.Parallel()
	text := `SELECT 'a\'; LISTEN x --'`
	if got := lex(text, false); got != Listen|several {
		t.Errorf("standard_conforming_strings on: %b", got)
	}
	if got := lex(text, true); got != 0 {
		t.Errorf("standard_conforming_strings off: %b", got)
	}
}

func TestPinsHaveNames(t *testing.T) {
	t.Parallel()
	if got := strings.Join((Listen | Temp | Set | Discard).PinNames(), ", "); got != "listen, temporary table, set" {
		t.Error(got)
	}
	for p := Words(1); p != 0; p <<= 1 {
		if Pins&p != 0 && len(p.PinNames()) != 1 {
			t.Errorf("pin %b has no name", p)
		}
	}
}

func FuzzLexer(f *testing.F) {
	f.Add("SELECT E'a\\'b''c' || $a$ x $a$ /* /* */ */ -- x\n; LISTEN y", uint64(1), false)
	f.Add("CREATE TEMP TABLE a() ON COMMIT DROP; SET LOCAL x = 1", uint64(2), true)
	f.Fuzz(func(t *testing.T, text string, seed uint64, slash bool) {
		want := lex(text, slash)
		rnd := rand.New(rand.NewPCG(seed, 3))
		var cuts []int
		for at := 0; at < len(text); {
			at = min(len(text), at+1+rnd.IntN(8))
			cuts = append(cuts, at)
		}
		if got := lex(text, slash, cuts...); got != want {
			t.Errorf("%q cut at %v: %b, whole: %b", text, cuts, got, want)
		}
	})
}
