package pooler_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"holdfast/internal/pgauth"
	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// byUser makes each user name a person of the class of that name, all of them on one role of the server.
type byUser struct{ role string }

func (a byUser) Decide(ctx context.Context, at pgauth.Attempt) (*pgauth.Decision, error) {
	d, err := trusting(a).Decide(ctx, at)
	d.Person, d.Class = at.User, at.User
	return d, err
}

// as logs a user in to the database of the site, and asks something.
func (s *site) as(t *testing.T, endpoint int, user string) (*wire, error) {
	t.Helper()
	w := s.dial(t, endpoint)
	start := []pgwire.Param{{Name: "user", Value: user}, {Name: "database", Value: s.db.Name}}
	if err := w.enter(pgwire.AppendStartup(nil, pgwire.Version30, start), ""); err != nil {
		return nil, err
	}
	if a := w.query("BEGIN"); a.code() != "" {
		return nil, &refusedError{a.errors[0]}
	}
	return w, nil
}

// isFull reports whether an error says that there is no connection.
func isFull(err error) bool {
	refused := (*refusedError)(nil)
	return errors.As(err, &refused) && refused.Code == "53300"
}

// S2-30: with all connections that a database may have in use, and though those who hold them are in other pools, an administrator gets in;
// as many as are reserved do, and a reload changes how many that are.
func TestAnAdministratorGetsInWhenTheDatabaseHasAllItsConnections(t *testing.T) {
	t.Parallel()
	var c pooler.Config
	var pg postgres.Config
	s := setup{auth: byUser{"postgres"}, change: func(given *pooler.Config, db *postgres.Config) {
		given.Routes = map[string]pooler.Route{db.Name: {MaxConnections: 4}}
		given.Limits = map[string]pooler.Limit{"dba": {Reserved: 1}, "people": {}}
		db.Options.Pool.MinSize, db.Options.Pool.Timeout = 0, unit.Duration(2500*time.Millisecond)
		c, pg = *given, *db
	}}.start(t)
	enter := func(user string, endpoint int) *wire {
		t.Helper()
		w, err := s.as(t, endpoint, user)
		if err != nil {
			t.Fatalf("%s: %v", user, err)
		}
		return w
	}
	for i := range 4 {
		enter("people", i%2)
	}
	if _, err := s.as(t, 0, "people"); !isFull(err) {
		t.Fatalf("a fifth client: %v; want 53300", err)
	}
	enter("dba", 0)
	if _, err := s.as(t, 1, "dba"); !isFull(err) {
		t.Errorf("a second administrator: %v; want 53300", err)
	}
	c.Limits = map[string]pooler.Limit{"dba": {Reserved: 2}, "people": {}}
	if err := s.pooler.Reload(c, pg); err != nil {
		t.Fatal(err)
	}
	enter("dba", 1)
	if _, err := s.as(t, 0, "people"); !isFull(err) {
		t.Errorf("somebody else has the administrators' reserve: %v; want 53300", err)
	}
}

// S2-30: when as many clients are connected as there may be, an administrator gets in, and nobody else.
func TestAdministratorsHavePlacesBeyondMaxClients(t *testing.T) {
	t.Parallel()
	s := setup{auth: byUser{"postgres"}, change: func(c *pooler.Config, db *postgres.Config) {
		c.MaxClients = 2
		c.Limits = map[string]pooler.Limit{"dba": {Reserved: 1}, "people": {}}
		db.Options.Pool.MinSize = 0
	}}.start(t)
	enter := func(user string) error {
		t.Helper()
		_, err := s.as(t, 1, user)
		return err
	}
	for range 2 {
		if err := enter("people"); err != nil {
			t.Fatal(err)
		}
	}
	if err := enter("people"); !isFull(err) {
		t.Errorf("a third client: %v; want 53300", err)
	}
	if err := enter("dba"); err != nil {
		t.Errorf("an administrator: %v", err)
	}
	for _, user := range []string{"dba", "people"} {
		if err := enter(user); !isFull(err) {
			t.Errorf("%s, when all is taken: %v; want 53300", user, err)
		}
	}
}
