package pooler_test

import (
	"context"
	"testing"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// bySide lets the user "other" in as the role of the site, and all others as the superuser; each is a person of the class of that name.
type bySide struct{}

func (bySide) Decide(ctx context.Context, at pgauth.Attempt) (*pgauth.Decision, error) {
	role := "postgres"
	if at.User == "other" {
		role = "app_" + at.Database
	}
	return byUser{role}.Decide(ctx, at)
}

// Issue 3, "caps per user": what a role of the server may have counts over all pools, databases and endpoints; others are not
// touched by it, and administrators have their reserve. SHOW USERS says so in PgBouncer's columns.
func TestTheLimitOfAUserCountsOverAllItsPools(t *testing.T) {
	t.Parallel()
	s := setup{auth: bySide{}, change: func(c *pooler.Config, pg *postgres.Config) {
		c.Users = map[string]pooler.User{"postgres": {MaxConnections: 3}}
		c.MaxUserConnections = 2
		c.Routes = map[string]pooler.Route{"twin": {Database: pg.Name}}
		c.Limits = map[string]pooler.Limit{"dba": {Reserved: 1}}
		pg.Options.Pool.MinSize, pg.Options.Pool.Timeout = 0, unit.Duration(2500*time.Millisecond)
	}}.start(t)
	begin := func(endpoint int, user, database string) error {
		w := s.dial(t, endpoint)
		start := []pgwire.Param{{Name: "user", Value: user}, {Name: "database", Value: database}}
		if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), ""); err != nil {
			return err
		}
		if a := w.query("BEGIN"); a.code() != "" {
			return &refusedError{a.errors[0]}
		}
		return nil
	}
	f := func(endpoint int, user, database string, in bool) {
		t.Helper()
		err := begin(endpoint, user, database)
		if in && err != nil || !in && !isFull(err) {
			t.Errorf("%s in %s at endpoint %d: %v; gets in: %v", user, database, endpoint, err, in)
		}
	}
	f(0, "ada", s.db.Name, true)
	f(1, "ben", s.db.Name, true)
	f(1, "ada", "twin", true)
	f(0, "cleo", "twin", false)
	f(0, "dba", "twin", true)
	f(1, "dba", s.db.Name, false)
	f(0, "other", s.db.Name, true)
	f(1, "other", s.db.Name, true)
	f(0, "other", s.db.Name, false)
	users := show(t, s.console(t), "USERS")
	for name, want := range map[string][2]int32{"postgres": {3, 4}, s.role(): {2, 2}} {
		row := find(t, users, "name", name)
		if row["max_user_connections"] != want[0] || row["current_connections"] != want[1] {
			t.Errorf("SHOW USERS: %v, want %v", row, want)
		}
	}
}

// A limit that is less than what is to be open beforehand keeps nobody from starting, and is kept.
func TestALimitBelowWhatIsOpenBeforehandDoesNotHoldUpTheStart(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, pg *postgres.Config) {
		c.MaxUserConnections = 3
		pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 4, 4
	}}.start(t)
	eventually(t, "it has what it may have", func() bool {
		return s.super(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", s.role()) == "3"
	})
	s.wire(t, 0).must("SELECT 1")
}

func TestALimitOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	c := pooler.DefaultConfig()
	c.MaxUserConnections, c.Users = -1, map[string]pooler.User{"journal": {}}
	if problems := c.Validate(); len(problems) != 2 || fault.KindOf(problems.Err()) != fault.Config {
		t.Errorf("%v", problems)
	}
}
