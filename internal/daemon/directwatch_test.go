package daemon

import (
	"context"
	"errors"
	"testing"

	"holdfast/internal/health"
	"holdfast/internal/pooler"
)

// C-01: what can be noticed without a hop: that a role has all the connections that it may have, or that the server has no more.
func TestARoleWithoutFreeConnectionsIsAFinding(t *testing.T) {
	t.Parallel()
	var (
		now    pooler.DirectStatus
		broken error
	)
	w := &directWatch{func(context.Context) ([]pooler.DirectStatus, error) { return []pooler.DirectStatus{now}, broken }, health.New()}
	f := func(s pooler.DirectStatus, want string) {
		t.Helper()
		now = s
		if err := w.look(t.Context()); err != nil {
			t.Error(err)
		}
		got := ""
		for _, one := range w.health.Snapshot() {
			got += one.Text
		}
		if got != want {
			t.Errorf("%+v: got %q, want %q", s, got, want)
		}
	}
	f(pooler.DirectStatus{Role: "web", Connections: 4, MaxConnections: 5, Taken: 20, Allowed: 97}, "")
	f(pooler.DirectStatus{Role: "web", Connections: 5, MaxConnections: 5, Taken: 20, Allowed: 97}, "the role web has 5 of 5 connections")
	f(pooler.DirectStatus{Role: "web", Connections: 40, Taken: 97, Allowed: 97}, "all 97 connections of the server are taken, 40 of them by the role web")
	broken = errors.New("the server is away")
	f(pooler.DirectStatus{}, "all 97 connections of the server are taken, 40 of them by the role web") // nothing new is known
	broken = nil
	f(pooler.DirectStatus{Role: "web", Connections: 40, Taken: 60, Allowed: 97}, "")
}
