package cli

import (
	"context"

	"holdfast/internal/daemon"
	"holdfast/internal/postgres"
)

// authQuery runs the statement of database.auth.query for our own role. superuser says that our role makes the function of
// query = "holdfast" by itself.
func (k *checker) authQuery(ctx context.Context, db *postgres.DB, superuser bool) {
	auth, user := k.cfg.Database.Pooling.Auth, k.cfg.Database.Username
	if auth.Query == "" || len(k.cfg.Database.Pooling.Doors()) == 0 {
		return
	}
	row, err := daemon.AskVerifier(ctx, db, auth, user)
	switch {
	case err != nil && superuser && auth.BuiltIn():
		k.ok("log-in", "the start makes the function holdfast.login_verifier")
	case err != nil:
		k.fail("log-in", err)
	case row.Found && row.Verifier != "":
		k.ok("log-in", "database.auth.query tells verifiers, that of %s for one", user)
	default:
		k.ok("log-in", "database.auth.query works; of %s itself it tells no verifier", user)
	}
}

// privateAuthQuery does the same on a server of our own, if it runs.
func (k *checker) privateAuthQuery(ctx context.Context) {
	if k.cfg.Database.Pooling.Auth.Query == "" {
		return
	}
	c, err := postgres.PrivateConfig(k.cfg.Database.Config, daemon.Place(k.cfg))
	if err == nil {
		var db *postgres.DB
		if db, err = postgres.Connect(ctx, c); err == nil {
			defer db.Close()
			k.authQuery(ctx, db, true)
			return
		}
	}
	k.note("log-in", "", "database.auth.query is tried when the server runs: see holdfast status")
}
