package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"holdfast/internal/fault"
	"holdfast/internal/pgtest"
	"holdfast/internal/secret"
)

func migrations(bodies ...string) fs.FS {
	m := fstest.MapFS{}
	for i, body := range bodies {
		m[fmt.Sprintf("%05d_step.sql", i+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + body + "\n")}
	}
	return m
}

const (
	makeTable    = "CREATE TABLE things (n int); INSERT INTO things VALUES (7);"
	makeFunction = `-- +goose StatementBegin
CREATE FUNCTION first_thing() RETURNS int LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    RETURN (SELECT min(n) FROM things);
END $$;
-- +goose StatementEnd`
)

func number(t *testing.T, db *DB, query string) int {
	t.Helper()
	var n int
	if err := db.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEightProcessesMayMigrateAtOnce(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	files := migrations(makeTable, "SELECT pg_sleep(0.05);", makeFunction)
	var all sync.WaitGroup
	for range 8 {
		db := connect(t, settings(d))
		all.Go(func() {
			if err := db.Migrate(t.Context(), "things", files); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	db := connect(t, settings(d))
	if n := number(t, db, "SELECT count(*) FROM holdfast.things"); n != 1 {
		t.Errorf("the first migration ran %d times", n)
	}
	if n := number(t, db, "SELECT count(*) FROM holdfast.migrations_things WHERE version_id > 0"); n != 3 {
		t.Errorf("%d versions are recorded, want 3", n)
	}
}

func TestEachComponentHasItsOwnVersionsInTheConfiguredSchema(t *testing.T) {
	t.Parallel()
	c := settings(pgtest.Database(t))
	c.Schema = "order" // a word that must be quoted
	db := connect(t, c)
	for component, files := range map[string]fs.FS{"things": migrations(makeTable, makeFunction), "others": migrations("CREATE TABLE others ();")} {
		if err := db.Migrate(t.Context(), component, files); err != nil {
			t.Fatal(err)
		}
	}
	if n := number(t, db, "SELECT "+db.Schema()+".first_thing()"); n != 7 {
		t.Errorf("a function does not find its table from an empty search_path: %d", n)
	}
	if n := number(t, db, "SELECT count(*) FROM pg_tables WHERE schemaname = 'order'"); n != 4 {
		t.Errorf("%d tables are in the schema, want 4", n)
	}
	if n := number(t, db, "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('order', 'pg_catalog', 'information_schema')"); n != 0 {
		t.Errorf("%d tables are elsewhere", n)
	}
}

func TestNewMigrationsRunOnTopOfOldOnes(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	for _, files := range []fs.FS{migrations(makeTable), migrations(makeTable, "INSERT INTO things VALUES (8);")} {
		for range 2 { // the second time there is nothing to do
			if err := db.Migrate(t.Context(), "things", files); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := number(t, db, "SELECT sum(n) FROM holdfast.things"); n != 15 {
		t.Errorf("the sum is %d, want 15", n)
	}
}

func TestASchemaOfANewerHoldfastIsLeftAlone(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	if err := db.Migrate(t.Context(), "things", migrations(makeTable, makeFunction)); err != nil {
		t.Fatal(err)
	}
	wantFault(t, db.Migrate(t.Context(), "things", migrations(makeTable)), "schema_newer")
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	db := connect(t, settings(pgtest.Database(t)))
	err := db.Migrate(t.Context(), "things", migrations(makeTable, "CREATE TABLE half (); SELECT 1/0;"))
	if err == nil || !strings.Contains(err.Error(), "00002_step.sql") || !strings.Contains(err.Error(), "division by zero") {
		t.Fatalf("the error does not tell file and reason: %v", err)
	}
	if n := number(t, db, "SELECT count(*) FROM pg_tables WHERE tablename = 'half'"); n != 0 {
		t.Error("half a migration is left")
	}
	if err := db.Migrate(t.Context(), "things", migrations(makeTable, "CREATE TABLE half ();")); err != nil {
		t.Errorf("the repaired migration does not run: %v", err)
	}
}

func TestARoleThatMayNotCreateASchemaIsToldWhatToGrant(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	role := "poor_" + d.Name[:3]
	d.Server.Exec(t, "CREATE ROLE "+role+" LOGIN PASSWORD '"+sesame+"'")
	t.Cleanup(func() { d.Server.Exec(t, "DROP ROLE IF EXISTS "+role) })
	c := settings(d)
	c.Username, c.Password = role, secret.New(sesame)
	err := connect(t, c).Migrate(t.Context(), "things", migrations(makeTable))
	wantFault(t, err, "database_privilege")
	if !strings.Contains(fault.HintOf(err), "GRANT CREATE ON DATABASE") {
		t.Errorf("hint: %s", fault.HintOf(err))
	}
	d.Exec(t, "CREATE SCHEMA holdfast AUTHORIZATION "+role)
	if err := connect(t, c).Migrate(t.Context(), "things", migrations(makeTable)); err != nil {
		t.Errorf("a schema that is there suffices, but: %v", err)
	}
	d.Exec(t, "DROP SCHEMA holdfast CASCADE")
}

func TestWaitingForTheMigrationLockEndsWithTheContext(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	db := connect(t, settings(d))
	if _, err := d.Conn(t).Exec(t.Context(), "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), seconds(0.3).D())
	defer cancel()
	err := db.Migrate(ctx, "things", migrations(makeTable))
	if code := fault.CodeOf(err); code != "migration_locked" && fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("got %q: %v", code, err)
	}
}
