package relay

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgtest"
)

// connect opens pgx on a house.
func (h *house) connect(t testing.TB, change ...func(*pgx.ConnConfig)) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(h.db.URL())
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc = h.dial
	for _, f := range change {
		f(config)
	}
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func TestSmoke(t *testing.T) {
	h := newHouse(t, pgtest.Database(t), houseConfig{mode: Transaction, servers: 2, statements: 10, piece: 5, check: true})
	conn := h.connect(t)
	for i := range 20 {
		var n int
		if err := conn.QueryRow(t.Context(), "SELECT $1::int + 1", i).Scan(&n); err != nil || n != i+1 {
			t.Fatal(n, err)
		}
	}
}
