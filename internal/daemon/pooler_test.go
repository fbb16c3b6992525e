package daemon_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/admin"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

// S0-29: a private server that allows fewer connections than the pools may open does not start, and the sum is written out.
func TestAPrivateServerWithTooFewConnectionsIsRefused(t *testing.T) {
	t.Parallel()
	c := configure(t, "HOLDFAST_DATABASE__PRIVATE__MAX_CONNECTIONS=20", "HOLDFAST_DATABASE__OPTIONS__POOL__MAX_SIZE=30")
	d := daemon.New(daemon.Options{Config: c, Version: "test", Log: t.Output()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := d.Start(ctx)
	if err == nil {
		_ = d.Stop(ctx)
	}
	const want = "the private server allows 17 connections to ordinary roles, but there may be 30 for endpoint 127.0.0.1:0 + 8 for Holdfast (database.max_connections) = 38"
	if fault.CodeOf(err) != "max_connections" || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v", err)
	}
}

// C-03: the status says how the pools are, and lists the endpoints with their modes. That a client named a database that does not exist is no trouble of ours.
func TestTheStatusSaysHowThePoolsAre(t *testing.T) {
	t.Parallel()
	c := configure(t)
	d := startWith(t, c, nil)
	pg, err := postgres.PrivateConfig(c.Database.Config, daemon.Place(c))
	if err != nil {
		t.Fatal(err)
	}
	through := func(database string) (*pgx.Conn, error) {
		return pgx.Connect(t.Context(), "postgresql://"+pg.Username+":"+pg.Password.Reveal()+"@"+d.PoolerAddr()+"/"+database+"?sslmode=disable")
	}
	conn, err := through(pg.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if other, err := through("nowhere"); err == nil {
		_ = other.Close(t.Context())
		t.Error("a database that does not exist lets somebody in")
	}
	client := control.NewClient(c.Socket())
	defer client.Close()
	report, err := control.Call[admin.Report](t.Context(), client, "/v1/status", control.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range report.Sections {
		if s.Name != "pooler" {
			continue
		}
		if s.State != admin.OK || !strings.HasPrefix(s.Summary, "1 client on ") {
			t.Errorf("the section: %+v", s)
		}
		if text := fmt.Sprint(s.Facts); !strings.Contains(text, "app/app@127.0.0.1:0: 1 busy, 3 idle of 20") || !strings.Contains(text, d.PoolerAddr()+" (session, primary)") {
			t.Errorf("the facts: %s", text)
		}
	}
}
