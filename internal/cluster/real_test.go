package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/health"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/secret"
)

// patience bounds what a test waits for: the machine may be busy.
const patience = 60 * time.Second

func socketOf(s *pgtest.PG) string { return filepath.Join(s.Host, ".s.PGSQL."+strconv.Itoa(s.Port)) }

func hostOf(name string, s *pgtest.PG) Host {
	return Host{Name: name, Network: "unix", Address: socketOf(s)}
}

// trio is a primary with two streaming replicas.
type trio struct{ a, b, c *pgtest.PG }

func newTrio(t *testing.T) trio {
	t.Helper()
	keep := pgtest.Setting("wal_keep_size", "256MB")
	a := pgtest.Cluster(t, keep)
	a.Exec(t, "CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher", "CREATE ROLE anybody LOGIN", "CREATE TABLE t (a text)")
	return trio{a, pgtest.Replica(t, a, keep), pgtest.Replica(t, a, keep)}
}

func (s trio) hosts() []Host { return []Host{hostOf("a", s.a), hostOf("b", s.b), hostOf("c", s.c)} }

// watching starts a cluster that is stopped when the test is over.
func watching(t *testing.T, config Config) *Cluster {
	t.Helper()
	if config.Monitor.User == "" {
		config.Monitor.User = "watcher"
	}
	if config.Timeout == 0 {
		config.Timeout = patience / 4 // a busy machine is no failure
	}
	config.Monitor.Database = "postgres"
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	c := New(config, discard())
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// becomes waits until the roles of the hosts are those, in their order: "primary replica".
func becomes(t *testing.T, c *Cluster, want string) {
	t.Helper()
	lifecycletest.Eventually(t, patience, func() error {
		var roles, why []string
		for _, s := range c.Status() {
			roles, why = append(roles, string(s.Role)), append(why, s.Trouble)
		}
		if got := strings.Join(roles, " "); got != want {
			return fmt.Errorf("roles %s (%s), want %s", got, strings.Join(why, "; "), want)
		}
		return nil
	})
}

func namesOf(hosts []Host) string {
	var all []string
	for _, h := range hosts {
		all = append(all, h.Name)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// position returns where a primary is in the WAL.
func position(t *testing.T, s *pgtest.PG) LSN {
	t.Helper()
	l, err := ParseLSN(ask(t, s, "SELECT pg_current_wal_insert_lsn()::text"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ask(t *testing.T, s *pgtest.PG, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var text string
	if err := conn.QueryRow(t.Context(), sql).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// S1-21, S2-06, S2-13, E-26: a replica falls behind, the primary is killed, a replica is promoted, the old primary comes back.
func TestAPrimaryWithTwoReplicasThroughAFailover(t *testing.T) {
	t.Parallel()
	s := newTrio(t)
	found := health.New()
	c := watching(t, Config{Name: "main", Hosts: s.hosts(), Health: found, Interval: 100 * time.Millisecond})
	becomes(t, c, "primary replica replica")

	t.Log("replay is paused on b")
	s.b.Exec(t, "SELECT pg_wal_replay_pause()")
	s.a.Exec(t, "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
	at := position(t, s.a)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if h, err := c.WaitReplayed(ctx, Want{AtLeast: at}); h.Name != "c" || err != nil {
		t.Errorf("who has replayed %s: %v, %v", at, h, err)
	}
	lifecycletest.Eventually(t, patience, func() error {
		b := c.Status()[1]
		if got := namesOf(c.Replicas(500 * time.Millisecond)); got != "c" || !b.Paused || b.LagBytes < 1<<20 || b.Lag < 500*time.Millisecond {
			return fmt.Errorf("within half a second: %q; b: %+v", got, b)
		}
		return nil
	})
	s.b.Exec(t, "SELECT pg_wal_replay_resume()")
	lifecycletest.Eventually(t, patience, func() error {
		if got := namesOf(c.Replicas(500 * time.Millisecond)); got != "b c" {
			return fmt.Errorf("within half a second: %q", got)
		}
		return nil
	})

	t.Log("a is killed, b is promoted")
	s.a.Kill(t)
	c.Suspect("a")
	becomes(t, c, "down replica replica")
	began := time.Now()
	s.b.Promote(t)
	promoted := time.Now()
	h, err := c.Primary(ctx)
	t.Logf("promotion took %s, it was known %s later", promoted.Sub(began), time.Since(promoted))
	if h.Name != "b" || err != nil {
		t.Errorf("Primary: %v, %v", h, err)
	}
	becomes(t, c, "down primary stale") // c still follows a
	s.c.Follow(t, s.b)
	becomes(t, c, "down primary replica")

	t.Log("a comes back as if nothing had been")
	s.a.Start(t)
	becomes(t, c, "stale primary replica")
	s.b.Stop(t)
	becomes(t, c, "stale down replica")
	if got := c.State(); got.HasPrimary() || got.Timeline != 2 {
		t.Errorf("state %+v", got)
	}
	if text := ask(t, s.a, "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'holdfast cluster'"); text != "1" {
		t.Errorf("%s connections for checks, want 1 that is kept", text)
	}
}

// S2-06: "no split brain when the network is cut instead".
func TestAPrimaryBehindACutNetworkIsReplacedAndNotTakenBack(t *testing.T) {
	t.Parallel()
	s := newTrio(t)
	w := lay(t, socketOf(s.a))
	hosts := s.hosts()
	hosts[0] = Host{Name: "a", Address: w.address()}
	c := watching(t, Config{Hosts: hosts, Monitor: Monitor{User: "postgres"}, Interval: 100 * time.Millisecond, Timeout: 500 * time.Millisecond})
	becomes(t, c, "primary replica replica")
	w.sever()
	began := time.Now()
	becomes(t, c, "down replica replica")
	t.Logf("the cut was noticed after %s", time.Since(began))
	s.b.Promote(t)
	becomes(t, c, "down primary stale")
	s.a.Exec(t, "INSERT INTO t VALUES ('written in vain')") // it lives, and thinks that it is the primary
	w.heal()
	becomes(t, c, "stale primary stale")
	s.c.Promote(t) // a mistake: now there are two of the second generation
	becomes(t, c, "stale split split")
	if c.State().HasPrimary() || !c.State().Split {
		t.Errorf("state %+v", c.State())
	}
	s.c.Stop(t)
	becomes(t, c, "stale primary down")
}

// S2-03: two services stand for the cluster, as CloudNativePG has them: -rw leads to the primary, -ro to replicas.
func TestServicesThatLeadToOtherServersAreFollowed(t *testing.T) {
	t.Parallel()
	s := newTrio(t)
	rw, ro := lay(t, socketOf(s.a)), lay(t, socketOf(s.b))
	c := watching(t, Config{
		Hosts:   []Host{{Name: "rw", Address: rw.address()}, {Name: "ro", Address: ro.address()}},
		Monitor: Monitor{User: "postgres"}, Interval: 100 * time.Millisecond,
	})
	becomes(t, c, "primary replica")
	s.a.Kill(t)
	becomes(t, c, "down replica")
	s.b.Promote(t)
	s.c.Follow(t, s.b)
	rw.lead(socketOf(s.b))
	lifecycletest.Eventually(t, patience, func() error { // for a moment both names may lead to b
		if st := c.State(); st.Primary.Name != "rw" || st.Split {
			return fmt.Errorf("state %+v, %+v", st, c.Status())
		}
		return nil
	})
	ro.lead(socketOf(s.c))
	becomes(t, c, "primary replica")
}

func TestAServerOfAnotherClusterIsAStranger(t *testing.T) {
	t.Parallel()
	own, other := pgtest.Cluster(t), pgtest.Cluster(t, pgtest.Fresh())
	standby := pgtest.Replica(t, own)
	found := health.New()
	c := watching(t, Config{
		Hosts:   []Host{hostOf("other", other), hostOf("own", own), hostOf("standby", standby)},
		Monitor: Monitor{User: "postgres"}, Health: found,
	})
	becomes(t, c, "stranger primary replica")
	if list := found.Snapshot(); len(list) != 1 || list[0].Code != "cluster_host_stranger" || list[0].Subject != "other" {
		t.Errorf("findings: %+v", list)
	}
}

// A check needs no privilege, and logs in as libpq would: by SCRAM, inside TLS that is verified.
func TestChecksNeedNoPrivilegeAndLogInSecurely(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA("hostssl all anybody 127.0.0.1/32 scram-sha-256"))
	s.Exec(t, "CREATE ROLE anybody LOGIN PASSWORD 'x'")
	b := pgtest.Replica(t, s)
	b.SetHBA(t, "local all anybody trust")
	host := Host{Name: "a", Address: "127.0.0.1:" + strconv.Itoa(s.Port)}
	m := Monitor{User: "anybody", Password: secret.New("x"), SSLMode: "verify-full", SSLRootCert: s.CertFile()}
	c := watching(t, Config{Hosts: []Host{host, hostOf("b", b)}, Monitor: m})
	becomes(t, c, "primary replica")
	lifecycletest.Eventually(t, patience, func() error { // a replica that has just begun has hours of lag, or an unknown one
		status := c.Status()
		if status[0].Timeline != 1 || status[1].Timeline != 1 || status[0].LSN == 0 || status[1].Replay == 0 || status[1].Lag > patience {
			return fmt.Errorf("status %+v", status)
		}
		return nil
	})
	m.Password = secret.New("wrong")
	wrong := watching(t, Config{Hosts: []Host{host}, Monitor: m})
	becomes(t, wrong, "down")
	if text := wrong.Status()[0].Trouble; !strings.Contains(text, "28P01") || strings.Contains(text, "wrong") {
		t.Errorf("trouble %q", text)
	}
}

func TestStopDoesNotWaitForASilentServer(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t)
	w := lay(t, socketOf(s))
	c := New(Config{Hosts: []Host{{Name: "a", Address: w.address()}}, Monitor: Monitor{User: "postgres"}, Timeout: patience}, discard())
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	becomes(t, c, "primary")
	w.sever()
	c.Suspect("a")
	began := time.Now()
	if err := c.Stop(t.Context()); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("Stop: %v after %s", err, time.Since(began))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Start(ctx); !errors.Is(err, context.DeadlineExceeded) { // nobody answers
		t.Errorf("Start: %v", err)
	}
}
