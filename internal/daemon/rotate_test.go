package daemon_test

import (
	"errors"
	"fmt"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/secret"
)

// Issue 3, S2-54: the password of the application's role, and that of a role that rules name, are changed while Holdfast runs: a reload takes the
// new ones over everywhere, and a server that is watched beside others does not count as gone because its password was changed first.
func TestChangedPasswordsAreTakenOverByAReload(t *testing.T) {
	t.Parallel()
	const before, after, staff, staffAfter = "of-the-app-8c1d", "of-the-app-77aa", "of-the-staff-1b", "of-the-staff-9f"
	db := pgtest.Cluster(t, pgtest.TCP(), pgtest.HBA("local all all scram-sha-256", "host all all all scram-sha-256")).Database(t)
	db.Exec(t, "CREATE ROLE app LOGIN PASSWORD '"+before+"'", "ALTER DATABASE "+db.Name+" OWNER TO app", "CREATE ROLE staff LOGIN PASSWORD '"+staff+"'")
	configured := func(app, staff string) *config.Config {
		c := attached(t, db, "HOLDFAST_DATABASE__AUTH__MAX_FAILURES=0", "HOLDFAST_DATABASE__REPLICAS=127.0.0.1:1",
			`HOLDFAST_DATABASE__RULES=[{users = ["guest"], addresses = ["loopback"], method = "trust", server_user = "staff"}, {}]`,
			`HOLDFAST_DATABASE__AUTH__SERVER_USERS__STAFF__PASSWORD=`+staff)
		c.Database.Username, c.Database.Password = "app", secret.New(app)
		return c
	}
	first, next := configured(before, staff), configured(after, staffAfter)
	next.Paths, next.Files = first.Paths, first.Files
	d := startWith(t, first, func(o *daemon.Options) { o.Load = func() (*config.Config, error) { return next, nil } })
	client := control.NewClient(first.Socket())
	t.Cleanup(client.Close)
	works(t, d, "app", before, db.Name)
	guest, err := enter(t, d, "guest", "", db.Name)
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "ALTER ROLE app PASSWORD '"+after+"'", "ALTER ROLE staff PASSWORD '"+staffAfter+"'")
	if err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename IN ('app', 'staff')")
	_ = guest.Close(t.Context())
	lifecycletest.Eventually(t, soon, func() error {
		for user, password := range map[string]string{"app": after, "guest": ""} {
			conn, err := enter(t, d, user, password, db.Name)
			if err != nil {
				return err
			}
			_, err = conn.Exec(t.Context(), "SELECT 1")
			if err := errors.Join(err, conn.Close(t.Context())); err != nil {
				return err
			}
		}
		if f := finding(t, client, "database_unavailable"); f != nil {
			return fmt.Errorf("a finding: %s", f.Text)
		}
		return nil
	})
	if _, err := enter(t, d, "app", before, db.Name); refusal(err).Code != "28P01" {
		t.Errorf("with the old password: %v; want 28P01", err)
	}
}
