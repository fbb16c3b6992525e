package postgres

import (
	"testing"
	"time"

	"holdfast/internal/pgtest"
)

// S0-12: what PostgreSQL itself bounds, for the role and the database, and nothing of what our own sessions set.
func TestTheServersOwnLimitsAreToldWithTheirSource(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	c := settings(db)
	ask := func() map[string]ServerLimit {
		t.Helper()
		all, err := ServerLimits(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]ServerLimit{}
		for _, l := range all {
			found[l.Name] = l
		}
		return found
	}
	for _, name := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		if l, ok := ask()[name]; !ok || l.For != 0 || l.Written() {
			t.Errorf("%s of a new server: %+v", name, l)
		}
	}
	db.Exec(t, `ALTER DATABASE "`+db.Name+`" SET statement_timeout = '90s'`, `ALTER DATABASE "`+db.Name+`" SET lock_timeout = 0`)
	got := ask()
	if l := got["statement_timeout"]; l.For != 90*time.Second || l.Source != "database" || !l.Written() {
		t.Errorf("statement_timeout: %+v", l)
	}
	if l := got["lock_timeout"]; l.For != 0 || !l.Written() {
		t.Errorf("a lock_timeout that somebody wrote as none: %+v", l)
	}
	if l := got["idle_in_transaction_session_timeout"]; l.Written() {
		t.Errorf("idle_in_transaction_session_timeout: %+v", l)
	}
}
