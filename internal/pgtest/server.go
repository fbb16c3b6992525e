package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
)

// PG is a running PostgreSQL server.
type PG struct {
	Host  string // directory of the Unix socket
	Port  int
	User  string // the superuser; needs no password on the socket
	Major int

	release release
	cred    *syscall.Credential
	dir     *dir
	opt     *options
	told    atomic.Int64 // size of the log when it was last shown

	mu      sync.Mutex // protects the following
	process *os.Process
	exited  chan struct{} // closed when process has ended
	builds  map[string]*sync.Once
	failed  map[string]error
}

// create makes the data directory of a server that is not started yet, as a copy of the image.
func create(opt *options) (*PG, error) {
	return createBy(opt, func(s *PG) error {
		if opt.fresh {
			return initdb(s.release, s.cred, s.dir.data())
		}
		img, err := image(s.release, s.cred)
		if err != nil {
			return fmt.Errorf("build image: %w", err)
		}
		return copyTree(img, s.dir.data(), s.cred)
	})
}

// createBy makes the data directory of a server by calling fill.
func createBy(opt *options, fill func(s *PG) error) (*PG, error) {
	r, err := findRelease()
	if err != nil {
		return nil, err
	}
	cred, err := account()
	if err != nil {
		return nil, err
	}
	d, err := newDir(cred)
	if err != nil {
		return nil, err
	}
	s := &PG{
		Host: d.path, Port: 5432, User: "postgres", Major: r.major,
		release: r, cred: cred, dir: d, opt: opt,
		builds: map[string]*sync.Once{}, failed: map[string]error{},
	}
	if err := fill(s); err != nil {
		return nil, errors.Join(fmt.Errorf("make the data directory: %w", err), d.remove())
	}
	err = s.writeHBA()
	if opt.tls {
		err = errors.Join(err, s.writeCertificate())
	}
	return s, err
}

func (s *PG) writeHBA() error {
	return os.WriteFile(filepath.Join(s.dir.data(), "pg_hba.conf"), []byte(s.opt.hbaFile()), 0o600)
}

// start runs the server until it is ready. A port that was taken and shared memory that a killed server's backends still
// hold are tried again.
func (s *PG) start() error {
	deadline := time.Now().Add(startTimeout)
	for {
		if s.opt.tcp && s.Port == 5432 {
			port, err := freePort()
			if err != nil {
				return err
			}
			s.Port = port
		}
		mark := s.logSize()
		err := s.attempt(deadline)
		if err == nil {
			return nil
		}
		said := s.logFrom(mark)
		busy := strings.Contains(said, "Address already in use") || strings.Contains(said, "could not create any TCP/IP sockets")
		held := strings.Contains(said, "pre-existing shared memory block")
		if time.Now().After(deadline) || !(busy && s.opt.tcp || held) {
			return fmt.Errorf("%w\n%s", err, said)
		}
		if busy {
			s.Port = 5432
		}
		pause()
	}
}

func (s *PG) attempt(deadline time.Time) error {
	process, exited, err := s.launch()
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.process, s.exited = process, exited
	s.mu.Unlock()
	for !s.ready(process.Pid) {
		select {
		case <-exited:
			return errors.New("postgres ended while starting")
		default:
		}
		if time.Now().After(deadline) {
			return errors.New("postgres did not become ready in time")
		}
		pause()
	}
	return nil
}

// launch starts the program. The thread that forks must outlive the server: the parent-death signal hangs on it.
func (s *PG) launch() (*os.Process, chan struct{}, error) {
	log, err := os.OpenFile(s.dir.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.release.bin, "postgres"), s.opt.arguments(s.dir, s.Port)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Credential: s.cred, Setpgid: true}
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in its log
		}
	}()
	if err := <-started; err != nil {
		<-exited
		return nil, nil, err
	}
	return cmd.Process, exited, nil
}

func (s *PG) ready(pid int) bool {
	lines := pidFile(s.dir.data())
	return len(lines) > 7 && lines[0] == strconv.Itoa(pid) && lines[7] == "ready"
}

// pause is the step of every poll here: 2 ms, about a tenth of what a start takes.
func pause() { <-time.After(2 * time.Millisecond) }

// signal sends sig and waits until the server has ended. A server that runs no more is fine.
func (s *PG) signal(sig syscall.Signal) error {
	s.mu.Lock()
	process, exited := s.process, s.exited
	s.mu.Unlock()
	if process == nil {
		return nil
	}
	if err := process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-exited:
		return nil
	case <-time.After(stopTimeout):
		_ = process.Kill()
		<-exited
		return fmt.Errorf("postgres did not end within %s of %s", stopTimeout, sig)
	}
}

func (s *PG) logSize() int64 {
	info, err := os.Stat(s.dir.log())
	if err != nil {
		return 0
	}
	return info.Size()
}

func (s *PG) logFrom(offset int64) string {
	b, err := os.ReadFile(s.dir.log())
	if err != nil || int64(len(b)) < offset {
		return ""
	}
	return string(b[offset:])
}

// Log returns the last n lines of the server's log.
func (s *PG) Log(n int) string {
	lines := bytes.Split(bytes.TrimSpace([]byte(s.logFrom(0))), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// PID returns the process id of the postmaster, 0 when it does not run.
func (s *PG) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return 0
	}
	select {
	case <-s.exited:
		return 0
	default:
		return s.process.Pid
	}
}

// Bin returns the directory of PostgreSQL's programs.
func (s *PG) Bin() string { return s.release.bin }

// DataDir returns the data directory.
func (s *PG) DataDir() string { return s.dir.data() }

// URL returns the connection string of a database for the superuser, by socket.
func (s *PG) URL(database string) string {
	q := url.Values{"host": {s.Host}, "port": {strconv.Itoa(s.Port)}}
	return (&url.URL{Scheme: "postgres", User: url.User(s.User), Path: "/" + database, RawQuery: q.Encode()}).String()
}

// TCPURL returns the connection string of a database over TCP, for a role and its password (which may be empty).
func (s *PG) TCPURL(database, role, password string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Host: fmt.Sprintf("127.0.0.1:%d", s.Port), Path: "/" + database}
	if password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// Exec runs statements as superuser in the database "postgres".
func (s *PG) Exec(t testing.TB, statements ...string) {
	t.Helper()
	if err := s.exec("postgres", statements...); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
}

func (s *PG) exec(database string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, stmt := range statements {
		if _, err := conn.Exec(ctx, stmt); err != nil {
			return fmt.Errorf("%s: %w", stmt, err)
		}
	}
	return nil
}
