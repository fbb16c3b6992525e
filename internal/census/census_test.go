package census

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
)

// open opens a connection of a role under a name.
func open(t *testing.T, d *pgtest.DB, role, name string) *pgx.Conn {
	t.Helper()
	c, err := pgx.ParseConfig(d.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.User, c.RuntimeParams["application_name"] = role, name
	conn, err := pgx.ConnectConfig(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// C-01, S1-11: what PostgreSQL says of those who come past the pooler, by role, program and address.
func TestHoldersAreCountedByRoleProgramAndAddress(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.Setting("max_connections", "40"), pgtest.Setting("superuser_reserved_connections", "4"))
	d := s.Database(t)
	d.Exec(t, "CREATE ROLE web LOGIN", "CREATE ROLE asker LOGIN")
	for range 2 {
		open(t, d, "web", "gunicorn")
	}
	busy := open(t, d, "web", "worker")
	if _, err := busy.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	pooled := int(open(t, d, "web", "pooled").PgConn().PID())
	own := func(pid int) bool { return pid == pooled }

	all, server, err := Take(t.Context(), postgrestest.Connect(t, d.URL()), own)
	if err != nil || server.Allowed() != 36 || server.Connections < 5 || server.Hidden {
		t.Fatalf("%+v, %v", server, err)
	}
	var web []Holder
	for _, h := range Hold(all) {
		if h.Role == "web" {
			web = append(web, h)
		}
	}
	want := []Holder{
		{Role: "web", Database: d.Name, Application: "gunicorn", Connections: 2},
		{Role: "web", Database: d.Name, Application: "worker", Connections: 1, IdleInTransaction: 1},
	}
	if len(web) != 2 || web[0] != want[0] || web[1] != want[1] {
		t.Errorf("got  %+v\nwant %+v", web, want)
	}

	// One who may not look sees who there is, and says that the rest is hidden.
	asker := postgrestest.ConnectAs(t, d.URL(), "asker")
	if all, server, err = Take(t.Context(), asker, own); err != nil || !server.Hidden {
		t.Fatalf("%+v, %v", server, err)
	}
	for _, h := range Hold(all) {
		if h.Role == "web" && (h.Connections == 0 || h.IdleInTransaction > 0) {
			t.Errorf("got %+v", h)
		}
	}
	d.Exec(t, "GRANT pg_read_all_stats TO asker")
	if _, server, err = Take(t.Context(), asker, own); err != nil || server.Hidden {
		t.Errorf("as one who may look: %+v, %v", server, err)
	}
}

// S1-11: the process at the other end of a TCP connection of this machine is found, here this one itself.
func TestTheProcessOfAClientOnThisMachineIsFound(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"tcp4", "tcp6"} {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), network, "localhost:0")
		if err != nil {
			t.Logf("%s: %v", network, err) // a machine without IPv6
			continue
		}
		defer l.Close()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		at := netip.MustParseAddrPort(conn.LocalAddr().String())
		all := []Connection{
			{Role: "web", Address: at.Addr().String(), Port: int(at.Port())},
			{Role: "web", Address: "192.0.2.1", Port: int(at.Port())},
			{Role: "web", Address: "", Port: 0},
			{Role: "web", Address: at.Addr().String(), Port: int(at.Port()), PID: 7},
		}
		FindProcesses("/proc", all)
		if all[0].PID != os.Getpid() || all[1].PID != 0 || all[2].PID != 0 || all[3].PID != 7 {
			t.Errorf("%s: got %+v, this is process %d", network, all, os.Getpid())
		}
		if h := Hold(all); h[0].Connections != 2 || h[0].Processes != 2 {
			t.Errorf("%s: got %+v", network, h)
		}
	}
}

// A /proc that tells nothing, or nonsense, finds nobody and harms nobody.
func TestAStrangeProcFindsNobody(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "net"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"", "nonsense\n", "0: 0100007F:1538 0:0 01 0:0 0:0 0 0 0\n", "0: XX:1538 0 1 2 3 4 5 6 9\n", "0: 01:1538 0 1 2 3 4 5 6 9\n", "0: 0100007F:XX 0 1 2 3 4 5 6 9\n",
		"0: 0100007F:1538 0 1 2 3 4 5 6 9\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, "net", "tcp"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		all := []Connection{{Address: "127.0.0.1", Port: 0x1538}}
		FindProcesses(dir, all)
		if all[0].PID != 0 {
			t.Errorf("%q: got %+v", text, all)
		}
	}
}
