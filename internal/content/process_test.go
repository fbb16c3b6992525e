package content

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/s3"
	"holdfast/internal/control"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// nodeVariable holds the order for a test binary that is a node, or an application that uses one.
const nodeVariable = "HOLDFAST_TEST_CONTENT_NODE"

// order says what a child does.
type order struct {
	Role string // "node" or "app"

	// Of a node.
	Database       string
	Course, Branch string
	Store          storeOrder
	Dir            string // its directories and its socket are below it
	Sync           bool

	// Of an app: it asks the socket, prints the answer, and waits until its standard input ends.
	Socket string
	Want   []string
}

// storeOrder leads to a store: a directory, or S3.
type storeOrder struct {
	Root                             string
	Endpoint, Bucket, Access, Secret string
}

func (o storeOrder) open(ctx context.Context) (blob.Store, error) {
	if o.Root != "" {
		return disk.Open(disk.Options{Root: o.Root, Create: true})
	}
	c := s3.DefaultConfig()
	c.EndpointURL, c.BucketName, c.AccessKeyID, c.SecretKey = o.Endpoint, o.Bucket, secret.New(o.Access), secret.New(o.Secret)
	store, err := s3.New(c)
	if err != nil {
		return nil, err
	}
	return store, store.EnsureBucket(ctx, true)
}

// beProcess is the body of a child process. It returns the exit code.
func beProcess(text string) int {
	var o order
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		work := o.serve
		if o.Role == "app" {
			work = o.use
		}
		err = work()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// use holds a lease until standard input ends.
func (o order) use() error {
	client := control.NewClient(o.Socket)
	defer client.Close()
	a, err := control.Call[EnsureAnswer](context.Background(), client, "/v1/content/ensure",
		EnsureRequest{Source: "course", Want: o.Want})
	if err != nil {
		return err
	}
	fmt.Println(a.Lease)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// serve is a node until standard input ends.
func (o order) serve() error {
	ctx := context.Background()
	db, err := postgres.Connect(ctx, postgrestest.Config(o.Database))
	if err != nil {
		return err
	}
	defer db.Close()
	store, err := o.Store.open(ctx)
	if err != nil {
		return err
	}
	cfg := DefaultConfig()
	cfg.Poll, cfg.GCEvery, cfg.ScrubEvery, cfg.FreeBytes, cfg.FreeInodes = 0, 0, 0, 0, 0
	cfg.Sync, cfg.Socket = o.Sync, filepath.Join(o.Dir, "s")
	cfg.Sources = map[string]SourceConfig{"course": {Git: o.Course, Branch: o.Branch}}
	began := time.Now()
	c, err := New(Options{
		Config: cfg, DB: db, Store: store, MasterKey: secret.New(testMasterKey), RoleTTL: 2 * time.Second,
		Mirrors: filepath.Join(o.Dir, "mirrors"), Cache: filepath.Join(o.Dir, "cache"),
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	if err := c.Start(ctx); err != nil {
		return err
	}
	fmt.Println("ready after", time.Since(began))
	_, _ = io.Copy(io.Discard, os.Stdin)
	limited, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return c.Stop(limited)
}

// process is a child that runs.
type process struct {
	t     testing.TB
	cmd   *exec.Cmd
	stdin io.Closer
	first string // its first line
	dir   string
}

// spawn starts a child and waits for its first line. It ends with the test.
func spawn(t testing.TB, o order) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if o.Dir != "" {
		if err := os.MkdirAll(o.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), nodeVariable+"="+string(text))
	cmd.Stderr = t.Output()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, stdin: stdin, dir: o.Dir}
	t.Cleanup(p.end)
	if p.first, err = bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("the child said nothing: %v", err)
	}
	p.first = strings.TrimSpace(p.first)
	return p
}

// end lets the child stop in order.
func (p *process) end() {
	if p.cmd.ProcessState == nil {
		_ = p.stdin.Close()
		_ = p.cmd.Wait()
	}
}

// kill ends the child at once (SIGKILL).
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

func (p *process) socket() string { return filepath.Join(p.dir, "s") }

// call asks a node through its socket.
func call[R any](t testing.TB, socket, verb string, req any) (R, error) {
	t.Helper()
	client := control.NewClient(socket)
	defer client.Close()
	return control.Call[R](t.Context(), client, "/v1/content/"+verb, req)
}

func mustCall[R any](t testing.TB, socket, verb string, req any) R {
	t.Helper()
	r, err := call[R](t, socket, verb, req)
	if err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
	return r
}

// keptClient is an HTTP client with one connection to a socket that it keeps.
func keptClient(t testing.TB, socket string) *http.Client {
	t.Helper()
	tr := &http.Transport{
		MaxConnsPerHost: 1,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// span is a duration of a request.
func span(d time.Duration) unit.Duration { return unit.Duration(d) }
