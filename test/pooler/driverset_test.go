package pooler_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pooler"
)

// What drivers send by themselves, when they connect and when their own pool takes a connection back, neither changes what the client
// asked for at log-in nor pins it (issue 3, traps 8 and 9).
func TestWhatDriversSendByThemselvesLeavesTheirSettingsAndPinsNobody(t *testing.T) {
	t.Parallel()
	s := setup{}.start(t)
	texts := []string{
		"SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",                                                // asyncpg
		"SET standard_conforming_strings=on;SET client_min_messages TO warning;SET TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE", // Sequelize
		"SELECT set_config('TimeZone', 'Europe/Berlin', false)",                                                                // Django
		"RESET ALL",
	}
	s.twins(t, func(t *testing.T, w way) string {
		config, err := pgx.ParseConfig(s.url(w))
		if err != nil {
			t.Fatal(err)
		}
		config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		config.RuntimeParams = map[string]string{
			"search_path": "pg_catalog", "TimeZone": "Asia/Tokyo", "work_mem": "9MB", "application_name": "asker", "app.tenant": "seven",
		}
		conn, err := pgx.ConnectConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		var said strings.Builder
		for _, text := range texts {
			if _, err := conn.PgConn().Exec(t.Context(), text).ReadAll(); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			var values [5]string
			row := conn.QueryRow(t.Context(), "SELECT current_setting('search_path'), current_setting('TimeZone'), current_setting('work_mem'),"+
				" current_setting('application_name'), current_setting('app.tenant')")
			if err := row.Scan(&values[0], &values[1], &values[2], &values[3], &values[4]); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&said, text, values)
			s.unpinned(t, text)
		}
		return said.String()
	})
}

// unpinned waits until nobody holds a server in transaction mode, though its client is there.
func (s *site) unpinned(t *testing.T, after string) {
	t.Helper()
	lifecycletest.Eventually(t, 20*time.Second, func() error {
		for _, p := range s.pooler.Status().Pools {
			if p.Mode == pooler.ModeTransaction && p.Active > 0 {
				return fmt.Errorf("after %q %d clients keep their server", after, p.Active)
			}
		}
		return nil
	})
}
