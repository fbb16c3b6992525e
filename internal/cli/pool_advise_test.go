package cli

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"holdfast/internal/census"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
)

// S1-11, E-09: the products of the rows, without anybody to ask.
func TestTheProductsOfPoolsAndProcessesAreWrittenOut(t *testing.T) {
	t.Parallel()
	none := []string{"HOLDFAST_CONFIG=none", "HOLDFAST_PATHS__STATE=" + t.TempDir()}
	advise := func(args ...string) result { return run(none, append([]string{"pool", "advise"}, args...)...) }
	advise("--processes", "17", "--pool", "20/30", "--cores", "8").expect(t, 3,
		"at peak          17 processes × 30 = 510 on 8 cores\n", "advised: mode transaction\n", "note: nobody says who is connected",
		"holdfast: the application's 510 connections at peak do not fit")
	advise("--processes", "20", "--pool", "50/150").expect(t, 3, "20 processes × 50 = 1,000\n", "20 processes × 150 = 3,000 on")
	advise("--cores", "8").expect(t, 0, "17 processes (2 × processors + 1, as Gunicorn advises) with 4 to 20 connections each")
	advise("--processes", "1", "--pool", "5").expect(t, 0, "advised: mode direct", "pool in each process  5 to 5\n")

	// The settings of the application itself, in SQLAlchemy's words.
	_, env := site(t, "[database.options.pool]\npool_size = 20\nmax_overflow = 10\n")
	run(env, "pool", "advise", "--processes", "17", "--cores", "8").expect(t, 0, "17 processes × 30 = 510 on 8 cores")
	for _, args := range [][]string{{"--processes", "-1"}, {"--pool", "many"}, {"--pool", "3/2"}, {"--pool", "0"}, {"--pool", "-1/5"}, {"--cores", "-1"}} {
		advise(args...).expect(t, 2, "hint: see: holdfast pool advise --help")
	}
}

// C-01, S1-11: what a running Holdfast sees: processes are counted, and the role is used from two machines.
func TestTheAdviceIsBasedOnWhoIsConnected(t *testing.T) {
	t.Parallel()
	dir, env := site(t, "[database]\nhost = \"127.0.0.1\"\nname = \"journal\"\nusername = \"u\"\npassword = \"pw-7d2k-x\"\npooler = false\n")
	answerCensus(t, dir, daemon.Census{
		Server: census.Server{MaxConnections: 100, Reserved: 3, Connections: 30}, Own: 8,
		Connections: []census.Connection{
			{Role: "u", Application: "web", Address: "127.0.0.1", PID: 70, State: "idle"},
			{Role: "u", Application: "web", Address: "127.0.0.1", PID: 70, State: "active"},
			{Role: "u", Application: "web", Address: "127.0.0.1", PID: 71, State: "idle"},
			{Role: "u", Application: "web", Address: "10.0.0.9", State: "idle"},
			{Role: "backup", Application: "pg_dump", State: "active"},
		},
	})
	r := run(env, "pool", "advise", "--json")
	r.expect(t, 0)
	got := decode[poolAdvice](t, r.stdout)
	if got.Processes != 2 || got.ProcessesFrom != "counted on this machine" || got.Way != "direct" || got.Mode != "transaction" || got.AtPeak != 40 || !got.Fits {
		t.Errorf("got %+v", got)
	}
	if got.Server == nil || got.Server.MaxConnections != 100 || len(got.Holders) != 3 || got.Holders[0].Processes != 2 {
		t.Errorf("got %+v and %+v", got.Server, got.Holders)
	}
	run(env, "pool", "advise").expect(t, 0, "100 - 3 reserved - 8 for Holdfast - 1 of others = 88", "the role u is used from 2 addresses (10.0.0.9, 127.0.0.1)",
		"u       web          127.0.0.1  direct  3            1       0                    2\n")
	run(env, "pool", "advise", "--processes", "9").expect(t, 3, "max_connections: 9 processes × 20 = 180 connections at peak, and there are 88 for them")
}

// answerCensus answers on the control socket of a site as a running Holdfast that saw this.
func answerCensus(t *testing.T, dir string, c daemon.Census) {
	t.Helper()
	write(t, dir+"/state/.keep", "")
	l, err := net.Listen("unix", dir+"/state/holdfast.sock")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /v1/pool/census", control.Handle(func(context.Context, control.Empty) (daemon.Census, error) { return c, nil }))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { // Close waits for it
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() { _ = srv.Close(); <-done })
}
