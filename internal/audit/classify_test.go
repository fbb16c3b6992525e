package audit_test

import (
	"testing"

	"holdfast/internal/audit"
)

// S2-38: the class of a statement.
func TestClassifyTellsWhatAStatementReaches(t *testing.T) {
	t.Parallel()
	f := func(sql string, want audit.Class) {
		t.Helper()
		if got := audit.Classify([]byte(sql)); got != want {
			t.Errorf("Classify(%q) = %v; want %v", sql, got, want)
		}
	}
	f("", audit.Empty)
	f(" ; -- nothing\n/* at /* all */ */;", audit.Empty)
	f("select 1", audit.Select)
	f("/* hint */ (SELECT 1) UNION (SELECT 2)", audit.Select)
	f("VALUES (1)", audit.Select)
	f("TABLE t", audit.Select)
	f("SELECT 'DROP TABLE t; DELETE'", audit.Select)
	f("SELECT $$; DROP TABLE t$$, $a$ $$; DROP $a$", audit.Select)
	f(`SELECT E'\'; DROP TABLE t'`, audit.Select)
	f(`SELECT "; drop table t"`, audit.Select)
	f("SELECT * FROM t FOR UPDATE", audit.Select)
	f("SELECT a INTO b FROM t", audit.DDL)
	f("SELECT (SELECT 1 INTO x)", audit.Select)
	f("SELECT 1; DROP TABLE t", audit.DDL)
	f("DROP TABLE t; SELECT 1", audit.DDL)
	f("Insert into t values (1)", audit.Insert)
	f("INSERT INTO t SELECT 1 ON CONFLICT DO UPDATE SET a = 1", audit.Insert)
	f("INSERT INTO t WITH d AS (DELETE FROM u RETURNING *) SELECT * FROM d", audit.Delete)
	f("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", audit.Delete)
	f("WITH d AS NOT MATERIALIZED (SELECT 1) UPDATE t SET a = 1", audit.Update)
	f("WITH d AS (SELECT 1 FOR UPDATE) SELECT * FROM d", audit.Select)
	f("WITH RECURSIVE d(n) AS (VALUES (1)) SELECT n FROM d", audit.Select)
	f("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", audit.Merge)
	f("TRUNCATE t", audit.Delete)
	f("COPY t FROM STDIN", audit.Copy)
	f("COPY (DELETE FROM t RETURNING *) TO STDOUT", audit.Delete)
	f("EXPLAIN DELETE FROM t", audit.Explain)
	f("EXPLAIN (VERBOSE, FORMAT json) SELECT 1", audit.Explain)
	f("EXPLAIN ANALYZE DELETE FROM t", audit.Delete)
	f("EXPLAIN (BUFFERS, ANALYZE) WITH d AS (DELETE FROM t RETURNING 1) SELECT 1", audit.Delete)
	f("BEGIN", audit.Transaction)
	f("PREPARE TRANSACTION 'x'", audit.Transaction)
	f("PREPARE p AS DELETE FROM t", audit.Prepare)
	f("EXECUTE p(1)", audit.Execute)
	f("SET search_path = x", audit.Set)
	f("DECLARE c CURSOR FOR SELECT 1", audit.Select)
	f("FETCH 10 FROM c", audit.Cursor)
	f("LISTEN x", audit.Notify)
	f("DO $$ begin delete from t; end $$", audit.Call)
	f("CREATE TABLE t AS SELECT 1", audit.DDL)
	f("CREATE USER u PASSWORD 'x'", audit.DCL)
	f("ALTER ROLE u SUPERUSER", audit.DCL)
	f("GRANT ALL ON t TO u", audit.DCL)
	f("VACUUM t", audit.Maintenance)
	f("nonsense", audit.Other)
	f("42", audit.Other)
	f("averyveryverylongword", audit.Other)
	f("SELECT 'never closed", audit.Select)
	f("SELECT $x$ never closed", audit.Select)
	f("SELECT 1 /* never closed", audit.Select)
}

func TestStatementsThatDifferInValuesOnlyShareAFingerprint(t *testing.T) {
	t.Parallel()
	f := func(a, b string) {
		t.Helper()
		if x, y := audit.Fingerprint([]byte(a)), audit.Fingerprint([]byte(b)); x != y {
			t.Errorf("%q is %016x and %q is %016x; want the same", a, x, b, y)
		}
	}
	f("SELECT 1", "select  $1 ;")
	f("SELECT a FROM t WHERE b = 'x'", "select A\nfrom /* here */ T where b='it''s' -- done")
	f("SELECT 1", "SELECT E'a\\'b'")
	f("SELECT 1", "SELECT $tag$ b $$ $tag$")
	f("SELECT 1", "SELECT U&'\\0061'")
	f("SELECT 1", "SELECT 0x1F")
	f("SELECT 1", "SELECT 1.5e-10")
	f("SELECT 1", "SELECT 'a'\n'b'")
	f("SELECT * FROM t WHERE a = -1", "SELECT * FROM t WHERE a = 1")
	f("SELECT * FROM t WHERE a IN (1)", "SELECT * FROM t WHERE a IN ($1, $2,3)")
	f("INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES ($1, $2), ($3, $4),(5,'')")
	f("SELECT 1; SELECT 2", "SELECT 3; SELECT 4;;")
}

func TestStatementsThatDifferInMoreHaveOtherFingerprints(t *testing.T) {
	t.Parallel()
	seen := map[uint64]string{}
	for _, sql := range []string{
		"", "SELECT 1", "SELECT 1, a", "SELECT 1, a, 1", "SELECT a FROM t", "SELECT b FROM t", "SELECT ab FROM t", "SELECT a b FROM t",
		`SELECT "A" FROM t`, `SELECT "a" FROM t`, "SELECT a - 1 FROM t", "SELECT a + 1 FROM t", "SELECT (1)", "SELECT (1, a)", "SELECT (1), (a)",
		"SELECT (1), (1", "SELECT 1; SELECT a", "SELECT 1 SELECT a", "INSERT INTO t VALUES (1), (a, 1)", "INSERT INTO t VALUES (1)", "SELECT f(1), 1",
	} {
		sum := audit.Fingerprint([]byte(sql))
		if other, ok := seen[sum]; ok {
			t.Errorf("%q and %q share the fingerprint %016x", sql, other, sum)
		}
		seen[sum] = sql
	}
}

// The number is part of the stream's format: it stays what it is from release to release.
func TestAFingerprintIsTheSameForever(t *testing.T) {
	t.Parallel()
	const want = 0x76af7175e50d6eb5
	if got := audit.Fingerprint([]byte("SELECT name FROM people WHERE id = 7")); got != want {
		t.Errorf("fingerprint %#x; want %#x", got, uint64(want))
	}
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{"SELECT 1", "WITH a AS (DELETE FROM t) SELECT '1", "EXPLAIN (ANALYZE) (x", "$a$ $a$ U&'", "/*/**/", `E'\`, "1e+"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sql []byte) {
		one := audit.Classify(sql)
		if one.String() == "" {
			t.Fatalf("class %d has no name", one)
		}
		if got := audit.Classify(append([]byte("DROP TABLE t;"), sql...)); got < audit.DDL {
			t.Fatalf("Classify of %q behind DROP is %v", sql, got)
		}
		sum := audit.Fingerprint(sql)
		if c, both := audit.Digest(sql); c != one || both != sum {
			t.Fatalf("Digest(%q) = %v, %x; apart %v, %x", sql, c, both, one, sum)
		}
		if got := audit.Fingerprint(append([]byte("/* x */ \n"), sql...)); got != sum {
			t.Fatalf("a comment before %q changes its fingerprint", sql)
		}
		if got := audit.Classify(append([]byte(" -- x\n"), sql...)); got != one {
			t.Fatalf("a comment before %q changes its class from %v to %v", sql, one, got)
		}
	})
}

func BenchmarkDigest(b *testing.B) {
	sql := []byte("SELECT p.name, p.mail FROM people AS p JOIN rooms r ON r.id = p.room_id WHERE p.id = $1 AND r.floor IN (1, 2, 3) ORDER BY p.name LIMIT 10")
	b.ReportAllocs()
	b.SetBytes(int64(len(sql)))
	for b.Loop() {
		audit.Digest(sql)
	}
}
