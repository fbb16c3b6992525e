package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/control"
)

// contentSite is a platform with one PostgreSQL and one S3 store, and any number of machines.
type contentSite struct {
	b       *bench
	dir     string
	pg      *pgServer
	store   *farStore
	sources map[string]string // repositories by name
	first   string            // the configuration that all machines share
	n       int
}

// machine is a running Holdfast with a state and a cache of its own.
type machine struct {
	*process
	dir    string
	client *control.Client
}

func (s *contentSite) settings(dir, edge string, syncs bool) ([]string, error) {
	env := []string{
		"LOG__LEVEL=warn", `DATABASE__ENDPOINTS=[{listen = "127.0.0.1:0"}]`, "EDGE__LISTEN=" + edge, "S3__LISTEN=127.0.0.1:0", "ADMIN__LISTEN=127.0.0.1:0",
		"STORAGE__S3__ENABLED=true", "STORAGE__S3__ENDPOINT_URL=" + s.store.URL, "STORAGE__S3__BUCKET_NAME=" + farBucket,
		"STORAGE__S3__REGION=us-east-1", "STORAGE__S3__ACCESS_KEY_ID=" + peerID, "STORAGE__S3__SECRET_KEY=" + peerSecret,
		"CONTENT__POLL=0", "CONTENT__GC_EVERY=0", "CONTENT__SCRUB_EVERY=0", "CONTENT__KEEP_REVISIONS=1000",
		"CONTENT__SOCKET=" + filepath.Join(dir, "s"), "CONTENT__SYNC=" + strconv.FormatBool(syncs),
		"PATHS__STATE=" + filepath.Join(dir, "state"), "PATHS__CACHE=" + filepath.Join(dir, "cache"),
	}
	for name, git := range s.sources {
		env = append(env, "CONTENT__SOURCES__"+strings.ToUpper(name)+"__GIT="+git)
	}
	for i := range env {
		env[i] = "HOLDFAST_" + env[i]
	}
	return env, os.MkdirAll(dir, 0o755)
}

// machine starts one, with an empty disk.
func (s *contentSite) machine(ctx context.Context, syncs bool) (*machine, error) {
	if s.first == "" {
		dir := filepath.Join(s.dir, "site")
		database := fmt.Sprintf("DATABASE_URL=postgres://%s@127.0.0.1:%s/%s?sslmode=disable", benchUser, s.pg.port, benchUser)
		if _, err := output(ctx, "env", database, s.b.binary, "init", "--dir", dir); err != nil {
			return nil, err
		}
		s.first = filepath.Join(dir, "holdfast.toml")
	}
	s.n++
	edge, err := freePort()
	if err != nil {
		return nil, err
	}
	m := &machine{dir: filepath.Join(s.dir, fmt.Sprint("m", s.n))}
	env, err := s.settings(m.dir, edge, syncs)
	if err != nil {
		return nil, err
	}
	m.process, err = run(m.dir, "holdfast", edge, env, s.b.binary, "serve", "--config", s.first)
	if err != nil {
		return nil, err
	}
	m.client = control.NewClient(filepath.Join(m.dir, "s"))
	return m, m.awaitReady(ctx)
}

// awaitReady waits until the content socket answers.
func (m *machine) awaitReady(ctx context.Context) error {
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		_, err := control.Call[content.StatsAnswer](ctx, m.client, "/v1/content/stats", control.Empty{})
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

func (m *machine) stop() {
	m.client.Close()
	m.process.stop()
}

// sync publishes what is new in a source.
func (m *machine) sync(ctx context.Context, source string) (content.Report, error) {
	r, err := control.Call[content.Report](ctx, m.client, "/v1/content/sync", content.SyncRequest{Source: source})
	if err == nil && len(r.Rejected) > 0 {
		err = fmt.Errorf("%d chunks of %s are rejected", len(r.Rejected), source)
	}
	return r, err
}

// ensure puts chunks in place under a lease of the connection, and releases it. The time is that of ensure alone.
func (m *machine) ensure(ctx context.Context, source string, want ...string) (content.EnsureAnswer, time.Duration, error) {
	began := time.Now()
	a, err := control.Call[content.EnsureAnswer](ctx, m.client, "/v1/content/ensure", content.EnsureRequest{Source: source, Want: want})
	took := time.Since(began)
	if err != nil {
		return a, took, err
	}
	_, err = control.Call[content.LeaseAnswer](ctx, m.client, "/v1/content/release", content.LeaseRequest{Lease: a.Lease})
	if len(a.Absent) > 0 {
		err = errors.Join(err, fmt.Errorf("%q are absent", a.Absent))
	}
	return a, took, err
}

// spent returns the processor time of the daemon and of the git processes that it waited for.
func (m *machine) spent() time.Duration {
	pid := m.cmd.Process.Pid
	own, err := processTime(pid)
	if err != nil {
		return 0
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // it is zero then
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	for _, i := range []int{13, 14} { // cutime, cstime, in ticks of 10 ms (proc(5))
		if len(fields) > i {
			ticks, _ := strconv.Atoi(fields[i])
			own += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return own
}
