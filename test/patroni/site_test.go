package patroni_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/pgauth"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

const (
	nodes    = 3
	password = "a-password"
)

// site is a cluster and a pooler in front of it.
type site struct {
	dir     string
	account *syscall.Credential
	bin     string // PostgreSQL's programs
	etcd    string // address of its clients
	nodes   []*node
	pooler  *pooler.Pooler
	keys    scram.Keys // of the role app, at the pooler and at PostgreSQL
}

// node is one PostgreSQL under one Patroni.
type node struct {
	name, dir  string
	port, rest string
	patroni    *process
}

// build starts etcd, the nodes and the pooler.
func build(t *testing.T) *site {
	t.Helper()
	for program, debian := range map[string]string{"patroni": "patroni", "etcd": "etcd-server"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: apt-get install %s", err, debian)
		}
	}
	dir, err := os.MkdirTemp("", "hfpat")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := scram.NewVerifier(password, 64)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{dir: dir, account: unprivileged(t), bin: binaries(t), keys: keys}
	t.Cleanup(func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir)
		}
	})
	s.own(t, dir)
	s.startEtcd(t)
	for i := range nodes {
		s.addNode(t, i)
	}
	s.awaitCluster(t)
	s.createRole(t)
	s.startPooler(t)
	return s
}

// binaries returns the directory of PostgreSQL's programs.
func binaries(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("HOLDFAST_TEST_PG"); dir != "" {
		return dir
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the only error is a bad pattern
	if len(found) == 0 {
		t.Fatal("PostgreSQL is missing: apt-get install postgresql")
	}
	return found[len(found)-1]
}

// own gives a path to the account.
func (s *site) own(t *testing.T, path string) {
	t.Helper()
	if s.account == nil {
		return
	}
	if err := os.Chown(path, int(s.account.Uid), int(s.account.Gid)); err != nil {
		t.Fatal(err)
	}
}

func (s *site) startEtcd(t *testing.T) {
	t.Helper()
	s.etcd = "127.0.0.1:" + freePort(t)
	peers := "http://127.0.0.1:" + freePort(t)
	s.launch(t, "etcd", "etcd", "--data-dir", filepath.Join(s.dir, "etcd"), "--name", "one", "--unsafe-no-fsync",
		"--listen-client-urls", "http://"+s.etcd, "--advertise-client-urls", "http://"+s.etcd,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "one="+peers)
	eventually(t, "etcd answers", func() bool {
		c, err := net.Dial("tcp", s.etcd)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// addNode starts one node. The first that comes makes the cluster, the others copy it.
func (s *site) addNode(t *testing.T, i int) {
	t.Helper()
	n := &node{name: "n" + strconv.Itoa(i), port: freePort(t), rest: freePort(t)}
	n.dir = filepath.Join(s.dir, n.name)
	if err := os.Mkdir(n.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.own(t, n.dir)
	if err := os.WriteFile(n.file(), []byte(s.yaml(n)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.own(t, n.file())
	s.nodes = append(s.nodes, n)
	s.run(t, n)
}

func (n *node) file() string { return filepath.Join(n.dir, "patroni.yml") }

func (s *site) run(t *testing.T, n *node) {
	t.Helper()
	n.patroni = s.launch(t, n.name, "/usr/bin/python3", "/usr/bin/patroni", n.file())
}

// yaml is a node's configuration: synchronous replication, and a lease of six seconds.
func (s *site) yaml(n *node) string {
	return fmt.Sprintf(`scope: holdfast
name: %[1]s
restapi: {listen: "127.0.0.1:%[2]s", connect_address: "127.0.0.1:%[2]s"}
etcd3: {host: "%[3]s"}
bootstrap:
  dcs:
    ttl: 6
    loop_wait: 1
    retry_timeout: 2
    primary_start_timeout: 0
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      parameters: {max_connections: 60, shared_buffers: 16MB, wal_keep_size: 64MB, wal_retrieve_retry_interval: 500ms}
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
postgresql:
  listen: "127.0.0.1:%[4]s"
  connect_address: "127.0.0.1:%[4]s"
  bin_dir: %[5]s
  data_dir: %[6]s/data
  pgpass: %[6]s/pgpass
  authentication:
    superuser: {username: postgres, password: %[7]s}
    replication: {username: replicator, password: %[7]s}
    rewind: {username: rewinder, password: %[7]s}
  parameters: {unix_socket_directories: %[6]s, password_encryption: scram-sha-256}
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 scram-sha-256", "host replication replicator 127.0.0.1/32 scram-sha-256"]
`, n.name, n.rest, s.etcd, n.port, s.bin, n.dir, password)
}

// ask asks a node as superuser, beside the pooler.
func (n *node) ask(sql string) (string, error) {
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	c, err := pgx.Connect(ctx, fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres", n.dir, n.port))
	if err != nil {
		return "", err
	}
	defer c.Close(ctx)
	var text string
	err = c.QueryRow(ctx, sql).Scan(&text)
	return text, err
}

// leader returns the node that takes writes, nil when there is none.
func (s *site) leader() *node {
	for _, n := range s.nodes {
		if got, err := n.ask("SELECT pg_is_in_recovery()::text"); err == nil && got == "false" {
			return n
		}
	}
	return nil
}

// awaitCluster waits until all other nodes follow the leader, and Patroni has noted in etcd which of them is synchronous: only
// that one may take over.
func (s *site) awaitCluster(t *testing.T) *node {
	t.Helper()
	var leader *node
	eventually(t, "the nodes follow a leader", func() bool {
		if leader = s.leader(); leader == nil {
			return false
		}
		const following = "SELECT count(*)::text FROM pg_stat_replication WHERE state = 'streaming' AND application_name IN ('n0', 'n1', 'n2')"
		got, err := leader.ask(following)
		return err == nil && got == strconv.Itoa(nodes-1) && leader.hasSyncStandby(t)
	})
	return leader
}

// hasSyncStandby asks the node's Patroni whether somebody may take over.
func (n *node) hasSyncStandby(t *testing.T) bool {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+n.rest+"/cluster", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var cluster struct {
		Members []struct{ Role, State string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&cluster); err != nil {
		return false
	}
	leads, follows := false, false
	for _, m := range cluster.Members {
		leads = leads || m.Role == "leader" && m.State == "running"
		follows = follows || m.Role == "sync_standby" && m.State == "running"
	}
	return leads && follows
}

func (s *site) createRole(t *testing.T) {
	t.Helper()
	for _, sql := range []string{
		"CREATE ROLE app LOGIN PASSWORD '" + s.keys.String() + "' IN ROLE pg_monitor",
		"CREATE TABLE written (id bigint PRIMARY KEY)", "GRANT ALL ON written TO app",
	} {
		eventually(t, sql, func() bool {
			leader := s.leader()
			return leader != nil && leader.exec(t, sql) == nil
		})
	}
}

func (n *node) exec(t *testing.T, sql string) error {
	t.Helper()
	c, err := pgx.Connect(t.Context(), fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres", n.dir, n.port))
	if err != nil {
		return err
	}
	defer c.Close(t.Context())
	_, err = c.Exec(t.Context(), sql)
	return err
}

// doorman knows one password.
type doorman struct{ keys scram.Keys }

// Decide implements pooler.Authenticator.
func (d doorman) Decide(context.Context, pgauth.Attempt) (*pgauth.Decision, error) {
	return &pgauth.Decision{Method: pgauth.SCRAM, Keys: d.keys}, nil
}

func (s *site) startPooler(t *testing.T) {
	t.Helper()
	c, pg := pooler.DefaultConfig(), postgres.DefaultConfig()
	pg.Host, pg.Name, pg.SSLMode, pg.Username, pg.Password = "127.0.0.1", "postgres", "disable", "app", secret.New(password)
	pg.Port, _ = strconv.Atoi(s.nodes[0].port)
	pg.Options.Pool.MinSize, pg.Options.Pool.MaxSize = 1, 8
	for _, n := range s.nodes[1:] {
		c.Replicas = append(c.Replicas, "127.0.0.1:"+n.port)
	}
	c.Endpoints = []pooler.Endpoint{
		{Listen: "127.0.0.1:0", Mode: pooler.ModeTransaction},
		{Listen: "127.0.0.2:0", Mode: pooler.ModeTransaction, Target: pooler.TargetReplica},
	}
	c.Hold = unit.Duration(60 * time.Second)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	p, err := pooler.New(c, pooler.Options{Database: pg, Authenticator: doorman{s.keys}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.pooler = p
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

// url returns the connection string of an endpoint of the pooler.
func (s *site) url(endpoint int) string {
	return fmt.Sprintf("postgres://app:%s@%s/postgres?sslmode=disable", password, s.pooler.Addr(endpoint))
}

// postmaster returns the process id of a node's PostgreSQL.
func (n *node) postmaster(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(n.dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
