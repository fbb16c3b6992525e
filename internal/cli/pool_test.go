package cli

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/pooler"
	"holdfast/internal/unit"
)

// S0-19, S0-23, S0-24, S0-25, C-12: the school's numbers give 50, 100 and 150.
func TestThePoolOfASchoolIsTheOneThatItsManualNames(t *testing.T) {
	t.Parallel()
	none := []string{"HOLDFAST_CONFIG=none"}
	size := func(args ...string) sizing {
		t.Helper()
		r := run(none, append([]string{"pool", "size", "--json"}, args...)...)
		r.expect(t, 0)
		return decode[sizing](t, r.stdout)
	}
	shared, dedicated := size("--preset", "school"), size("--preset", "school", "--dedicated")
	if shared.MinSize != 50 || shared.MaxSize != 100 || dedicated.MinSize != 50 || dedicated.MaxSize != 150 || dedicated.MaxConnections != 170 {
		t.Errorf("got %+v and %+v", shared, dedicated)
	}
	if got := size("--processes", "20").PerProcess; got == nil || got.MinSize != 3 || got.MaxSize != 5 {
		t.Errorf("20 processes: %+v", got)
	}
	if got := size("--people", "300", "--teachers", "25", "--requests", "6", "--database-time", "40ms"); got.MinSize != 1 || got.MaxSize != 3 {
		t.Errorf("a small school: %+v", got)
	}
	remote := []string{"HOLDFAST_CONFIG=none", "HOLDFAST_DATABASE__HOST=db.school.org", "HOLDFAST_DATABASE__USERNAME=u", "HOLDFAST_FILES__MASTER_KEY=q2w4e6r8t1y3u5i7o9p2a4s6d8f1g3h5"}
	run(remote, "pool", "size").expect(t, 0, "max_size         50 × 3 for peaks = 150: PostgreSQL has its own machine", "[database.options.pool]\nmin_size = 50\nmax_size = 150\ntimeout = 5\n")
	run(none, "pool", "size", "--cores", "8").expect(t, 0, "500 a second × 100ms = 50 connections", "max_size = 100", "many for 8 processors", "in session mode a client that stays connected")
}

func TestPoolSizeRefusesNumbersThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--people", "0", "--teachers", "0"},
		{"--people", "-5"},
		{"--requests", "0"},
		{"--requests", "NaN"},
		{"--database-time", "0"},
		{"--active", "101%"},
		{"--active", "many"},
		{"--processes", "-1"},
		{"--preset", "university"},
		{"--requests", "1e300"},
	} {
		run([]string{"HOLDFAST_CONFIG=none"}, append([]string{"pool", "size"}, args...)...).expect(t, 2, "hint: see: holdfast pool size --help")
	}
}

// C-03: the table of the endpoints, and the pools of each.
func TestPoolsArePrintedForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	since := time.Now().Add(-90 * time.Second)
	a := &app{stdout: &out}
	a.printPools(pooler.Status{
		Endpoints: []pooler.EndpointStatus{{Address: "127.0.0.1:6432", Mode: "session", Target: "primary", TLS: "disable"}},
		Pools: []pooler.PoolStatus{
			{Database: "app", User: "app", Endpoint: "127.0.0.1:6432", Mode: "session", Target: "primary", Active: 3, Idle: 1, Size: 4, MaxSize: 4, Waiting: 2, LongestWait: unit.Duration(1500 * time.Millisecond), Refused: 7},
			{Name: "gone/app@b", Database: "gone", User: "app", Class: "admin", Endpoint: "b", Mode: "transaction", Target: "replica", Host: "10.0.0.2:5432", MaxSize: 4, Reserved: 2, Down: true, DownSince: &since, LastError: "connection refused"},
			{Database: "x", User: "app", Paused: true},
		},
		Clients: 5, MaxClients: 10_000, Servers: 4, MaxServers: 8, Waiting: 2,
	})
	for _, want := range []string{
		"127.0.0.1:6432  session mode, primary, TLS disable\n5 clients of 10000 at most, on 4 of 8 server connections, 2 waiting\n",
		"app       app   -      127.0.0.1:6432  session      primary                3       1     2        1.5s     7        4     4    -     ok",
		"replica 10.0.0.2:5432", "4+2  -     down for 1m30s", "paused", "\ngone/app@b: connection refused\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

// daemonAt answers on the control socket of a site as a running Holdfast whose endpoints listen at the addresses.
func daemonAt(t *testing.T, dir string, addresses ...string) {
	t.Helper()
	write(t, dir+"/state/.keep", "")
	l, err := net.Listen("unix", dir+"/state/holdfast.sock")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /v1/pool/show", control.Handle(func(context.Context, control.Empty) (s pooler.Status, err error) {
		for _, addr := range addresses {
			s.Endpoints = append(s.Endpoints, pooler.EndpointStatus{Address: addr})
		}
		return s, nil
	}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() { // Close waits for it
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() { _ = srv.Close(); <-done })
}

func TestTheEnvironmentLeadsThroughThePooler(t *testing.T) {
	t.Parallel()
	const attached = "[edge]\nlisten = \"127.0.0.1:8000\"\n[database]\nhost = \"db.local\"\nname = \"journal\"\nusername = \"u\"\npassword = \"pw-7d2k-x\"\n"
	f := func(toml string, app, reads, direct string, addresses ...string) {
		t.Helper()
		dir, env := site(t, attached+toml)
		if len(addresses) > 0 {
			daemonAt(t, dir, addresses...)
		}
		r := run(env, "env", "--no-s3", "--json")
		r.expect(t, 0)
		got := decode[map[string]string](t, r.stdout)
		if got["DATABASE_URL"] != app || got["DATABASE_URL_READONLY"] != reads || got["DATABASE_URL_DIRECT"] != direct {
			t.Errorf("%s\ngot  %s\n     %s\n     %s\nwant %s\n     %s\n     %s", toml,
				got["DATABASE_URL"], got["DATABASE_URL_READONLY"], got["DATABASE_URL_DIRECT"], app, reads, direct)
		}
	}
	const u, direct, ro = "postgresql://u:pw-7d2k-x@", "postgresql://u:pw-7d2k-x@db.local:5432/journal?sslmode=prefer", "&options=-c%20default_transaction_read_only%3Don"
	const usual = u + "127.0.0.1:6432/journal?sslmode=disable"
	f("", usual, usual+ro, direct)
	f("pooler = false\n", direct, direct+ro, direct)
	// C-01: the direct way, with limits, of another role, and beside endpoints.
	f("[[database.endpoints]]\nmode = \"direct\"\n", direct, direct+ro, direct)
	f("[[database.endpoints]]\nmode = \"direct\"\nclass = \"web\"\n[database.limits.web]\nstatement_timeout = \"5s\"\n",
		direct, direct+ro, direct+"&options=-c%20statement_timeout%3D0")
	const other = "postgresql://pages@db.local:5432/journal?sslmode=prefer"
	f("[[database.endpoints]]\nlisten = \"127.0.0.1:6432\"\n[[database.endpoints]]\nmode = \"direct\"\nusername = \"pages\"\n", other, other+ro, other)
	f("replicas = [\"r.local:5432\"]\n[[database.endpoints]]\nlisten = \"127.0.0.1:6433\"\ntarget = \"replica\"\n[[database.endpoints]]\nmode = \"direct\"\n",
		direct, u+"127.0.0.1:6433/journal?sslmode=disable"+ro, direct)
	f("replicas = [\"r.local:5432\"]\n", usual, u+"127.0.0.1:6433/journal?sslmode=disable"+ro, direct)
	f("[[database.endpoints]]\nlisten = \"10.0.0.7:6432\"\nmode = \"transaction\"\n", u+"10.0.0.7:6432/journal?sslmode=disable", u+"10.0.0.7:6432/journal?sslmode=disable"+ro, direct)
	f("[[database.endpoints]]\nlisten = \"127.0.0.1:1\"\nmode = \"transaction\"\n[[database.endpoints]]\nlisten = \"127.0.0.1:0\"\n",
		u+"127.0.0.1:4711/journal?sslmode=disable", u+"127.0.0.1:4711/journal?sslmode=disable"+ro, direct, "127.0.0.1:1", "127.0.0.1:4711")
	f("[[database.endpoints]]\nlisten = \"/run/pool/.s.PGSQL.6543\"\n",
		"postgresql://u:pw-7d2k-x@/journal?host=%2Frun%2Fpool&port=6543", "postgresql://u:pw-7d2k-x@/journal?host=%2Frun%2Fpool&port=6543"+ro, direct)

	_, env := site(t, strings.Replace(attached, "password = \"pw-7d2k-x\"\n", "", 1))
	run(env, "env", "--no-s3").expect(t, 0, "export DATABASE_URL='postgresql://u@db.local:5432/journal?sslmode=prefer'", "note: DATABASE_URL leads past the pooler")
	_, env = site(t, attached+"[[database.endpoints]]\nmode = \"direct\"\nusername = \"pages\"\n")
	r := run(env, "env", "--no-s3")
	r.expect(t, 0, "note: DATABASE_URL has no password: that of the role \"pages\" is not known here")
	if strings.Contains(r.stdout, "pw-7d2k-x") {
		t.Errorf("another role was handed our password: %s", r.stdout)
	}
	_, env = site(t, attached+"[[database.endpoints]]\nlisten = \"127.0.0.1:0\"\n")
	run(env, "env", "--no-s3").expect(t, 7, "no Holdfast")
}
