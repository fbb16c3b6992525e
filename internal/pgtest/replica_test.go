package pgtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/lifecycle/lifecycletest"
)

func TestAReplicaFollowsAndCanBePromoted(t *testing.T) {
	t.Parallel()
	primary := Cluster(t)
	first, second := Replica(t, primary), Replica(t, primary)
	primary.Exec(t, "CREATE TABLE t AS SELECT 1 AS a")
	sees(t, first, 1)
	sees(t, second, 1)
	primary.Kill(t)
	first.Promote(t)
	second.Follow(t, first)
	first.Exec(t, "INSERT INTO t VALUES (2)")
	sees(t, second, 2)
}

func TestAFreshServerHasAnIdentifierOfItsOwn(t *testing.T) {
	t.Parallel()
	identifier := func(s *PG) int {
		conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		return count(t, conn, "SELECT system_identifier FROM pg_control_system()")
	}
	if identifier(Cluster(t)) == identifier(Cluster(t, Fresh())) {
		t.Error("the identifiers are the same")
	}
}

// sees waits until the server's table t has n rows.
func sees(t *testing.T, s *PG, n int) {
	t.Helper()
	lifecycletest.Eventually(t, 20*time.Second, func() error {
		conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.Background()) }()
		var got int
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM t").Scan(&got); err != nil {
			return err
		}
		if got != n {
			return fmt.Errorf("%d rows, want %d", got, n)
		}
		return nil
	})
}
