package acme_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/daemon"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// machine is a directory with a configuration, as "holdfast init" makes it, and the settings of the test in the environment.
type machine struct {
	t   *testing.T
	dir string
	env []string
}

func newMachine(t *testing.T, d *pgtest.DB, env ...string) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfacme-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &machine{t: t, dir: dir, env: append(env,
		"HOLDFAST_S3__LISTEN=127.0.0.1:0", "HOLDFAST_ADMIN__LISTEN=127.0.0.1:0", "HOLDFAST_LOG__FORMAT=json",
		`HOLDFAST_DATABASE__ENDPOINTS=[{listen = "127.0.0.1:0"}]`, "HOLDFAST_DATABASE__OPTIONS__POOL__MAX_SIZE=4",
		"HOLDFAST_CONFIG="+filepath.Join(dir, "holdfast.toml"))}
	init := program.Self(actAs, []string{"DATABASE_URL=" + d.URL()}, "init", "--dir", dir)
	if r := program.Finish(t, init, time.Minute); r.Code != 0 {
		t.Fatalf("init: %s", r.Stderr)
	}
	return m
}

// serve runs the machine, and returns its edge's address once it is ready.
func (m *machine) serve() (*program.Process, string) {
	m.t.Helper()
	p := program.Launch(m.t, program.Self(actAs, m.env, "serve"))
	line := p.Line(`"msg":"ready"`, time.Minute)
	var ready struct {
		Edge string `json:"edge"`
	}
	if err := json.Unmarshal([]byte(line), &ready); err != nil {
		m.t.Fatal(err)
	}
	return p, strings.TrimPrefix(ready.Edge, "https://")
}

// A process that dies by kill -9 in the middle of an order leaves it to the next one, when its lease has run out.
func TestAProcessThatDiesInAnOrderLeavesItToTheNextOne(t *testing.T) {
	t.Parallel()
	a, d := newAuthority(t, day), pgtest.Database(t)
	env := []string{
		"HOLDFAST_EDGE__LISTEN=127.0.0.1:0", "HOLDFAST_EDGE__HOSTS=one.example.org", "HOLDFAST_EDGE__ACME__ENABLED=true",
		"HOLDFAST_EDGE__ACME__ACCEPT_TERMS=true", "HOLDFAST_EDGE__ACME__DIRECTORY=" + a.directory, "HOLDFAST_EDGE__ACME__CA_FILE=" + a.caFile,
	}
	one := newMachine(t, d, env...)
	first, addr := one.serve()
	entered, gone := make(chan struct{}, 1), make(chan struct{})
	a.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/finalize-order/") {
			select {
			case entered <- struct{}{}:
			default:
			}
			<-gone
			return true
		}
		return false
	})
	a.open(addr, addr)
	<-entered
	first.Kill()
	close(gone)
	a.intercept(nil)

	env[0] = "HOLDFAST_EDGE__LISTEN=" + beside(t, addr, "127.0.0.2")
	a.names.lead(net.IPv4(127, 0, 0, 2))
	two := newMachine(t, d, env...)
	two.env = append(two.env, "HOLDFAST_MEDIA__ROOT="+filepath.Join(one.dir, "data", "media"),
		"HOLDFAST_FILES__MASTER_KEY_FILE="+filepath.Join(one.dir, "secrets", "master_key"))
	_, addr = two.serve()
	<-time.After(time.Second)
	if n := a.count(newOrder); n != 1 {
		t.Fatalf("%d orders while the lease of the dead one lasts", n)
	}
	d.Exec(t, "UPDATE holdfast.certs_leases SET until = clock_timestamp() - interval '1 second'") // what half a minute brings
	eventually(t, "a certificate by the second one", func() error {
		_, err := shake(t.Context(), addr, "one.example.org", a.roots())
		return err
	})
	if orders, accounts := a.count(newOrder), a.count(newAccount); orders != 2 || accounts != 1 {
		t.Errorf("%d orders, %d accounts", orders, accounts)
	}
	var answer daemon.CertificatesAnswer
	r := program.Finish(t, program.Self(actAs, two.env, "edge", "certs", "--json"), time.Minute)
	if err := json.Unmarshal([]byte(r.Stdout), &answer); err != nil || len(answer.Certificates) != 1 ||
		answer.Certificates[0].Source != "acme" || answer.Certificates[0].Names[0] != "one.example.org" {
		t.Errorf("edge certs: %v, %s%s", err, r.Stdout, r.Stderr)
	}
	r = program.Finish(t, program.Self(actAs, two.env, "edge", "certs"), time.Minute)
	if want := "one.example.org  acme"; !strings.Contains(r.Stdout, want) || !strings.HasPrefix(r.Stdout, "NAMES") {
		t.Errorf("edge certs: %s", fmt.Sprint(r))
	}
}
