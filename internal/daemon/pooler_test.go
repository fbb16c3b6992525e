package daemon_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon"
	"holdfast/internal/fault"
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
