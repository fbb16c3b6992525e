package scram

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// A door is a server that logs clients in and can do no more.
type door struct {
	keys     Keys
	config   *tls.Config
	binding  Binding
	listener net.Listener

	mu      sync.Mutex // protects the following
	entered []string   // the mechanisms of those who were let in
}

// open starts a door; without a pair it has no TLS.
func open(t *testing.T, keys Keys, pair *keyPair, required bool) *door {
	t.Helper()
	d := &door{keys: keys}
	if pair != nil {
		d.config = &tls.Config{Certificates: []tls.Certificate{pair.tls()}}
		endpoint, err := EndpointBinding(pair.cert)
		if err != nil {
			t.Fatal(err)
		}
		d.binding = Binding{Endpoint: endpoint, Required: required}
	}
	var err error
	if d.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := d.listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer func() { _ = conn.Close() }()
				if err := d.serve(conn); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Logf("door: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() { _ = d.listener.Close(); all.Wait() })
	return d
}

func (d *door) port() int { return d.listener.Addr().(*net.TCPAddr).Port }

func (d *door) mechanisms() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.entered, " ")
}

// serve logs one client in, answers its queries with nothing, and ends with it.
func (d *door) serve(conn net.Conn) error {
	back := pgproto3.NewBackend(conn, conn)
	for {
		m, err := back.ReceiveStartupMessage()
		if err != nil {
			return err
		}
		switch m.(type) {
		case *pgproto3.SSLRequest:
			if d.config == nil {
				_, _ = conn.Write([]byte{'N'})
				continue
			}
			_, _ = conn.Write([]byte{'S'})
			conn = tls.Server(conn, d.config)
			back = pgproto3.NewBackend(conn, conn)
		case *pgproto3.GSSEncRequest:
			_, _ = conn.Write([]byte{'N'})
		case *pgproto3.StartupMessage:
			if err := d.authenticate(back); err != nil {
				code := "08P01"
				if errors.Is(err, ErrProof) {
					code = "28P01"
				}
				back.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: err.Error()})
				return errors.Join(back.Flush(), err)
			}
			return talk(back)
		}
	}
}

func (d *door) authenticate(back *pgproto3.Backend) error {
	s := NewServer(d.keys, d.binding)
	back.Send(&pgproto3.AuthenticationSASL{AuthMechanisms: s.Mechanisms()})
	if err := errors.Join(back.Flush(), back.SetAuthType(pgproto3.AuthTypeSASL)); err != nil {
		return err
	}
	m, err := back.Receive()
	if err != nil {
		return err
	}
	initial, ok := m.(*pgproto3.SASLInitialResponse)
	if !ok {
		return fmt.Errorf("got %T", m)
	}
	mechanism := initial.AuthMechanism
	answer, err := s.First(mechanism, initial.Data)
	if err != nil {
		return err
	}
	back.Send(&pgproto3.AuthenticationSASLContinue{Data: answer})
	if err := errors.Join(back.Flush(), back.SetAuthType(pgproto3.AuthTypeSASLContinue)); err != nil {
		return err
	}
	if m, err = back.Receive(); err != nil {
		return err
	}
	final, ok := m.(*pgproto3.SASLResponse)
	if !ok {
		return fmt.Errorf("got %T", m)
	}
	if answer, err = s.Final(final.Data); err != nil {
		return err
	}
	d.mu.Lock()
	d.entered = append(d.entered, mechanism)
	d.mu.Unlock()
	back.Send(&pgproto3.AuthenticationSASLFinal{Data: answer})
	back.Send(&pgproto3.AuthenticationOk{})
	return nil
}

func talk(back *pgproto3.Backend) error {
	back.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "15.0"})
	back.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	back.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	for {
		back.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := back.Flush(); err != nil {
			return err
		}
		m, err := back.Receive()
		if err != nil {
			return err
		}
		if _, ok := m.(*pgproto3.Query); !ok {
			return nil
		}
		back.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 0")})
	}
}

// byPgx logs in with pgx, byPsql with libpq: two clients that nobody of us wrote.
func byPgx(t *testing.T, port int, password, sslmode, binding string) error {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), fmt.Sprintf("host=127.0.0.1 port=%d user=u dbname=d password='%s' sslmode=%s channel_binding=%s", port, password, sslmode, binding))
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

func byPsql(t *testing.T, port int, password, sslmode, binding string) error {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatalf("%v: apt-get install postgresql-client", err)
	}
	cmd := exec.CommandContext(t.Context(), psql, "-X", "-w", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "u", "-d", "d", "-c", "SELECT")
	cmd.Env = append(cmd.Environ(), "PGPASSWORD="+password, "PGSSLMODE="+sslmode, "PGCHANNELBINDING="+binding, "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}

// S2-54, the leg to the client.
func TestClientsThatWeDidNotWriteLogIn(t *testing.T) {
	t.Parallel()
	keys, err := NewVerifier("pencil", DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	clients := map[string]func(*testing.T, int, string, string, string) error{"pgx": byPgx, "psql": byPsql}
	for name, by := range clients {
		plain := open(t, keys, nil, false)
		if err := by(t, plain.port(), "pencil", "disable", "prefer"); err != nil || plain.mechanisms() != Mechanism {
			t.Errorf("%s without TLS: %s, %v", name, plain.mechanisms(), err)
		}
		if err := by(t, plain.port(), "Pencil", "disable", "prefer"); err == nil || !strings.Contains(err.Error(), "password authentication failed") {
			t.Errorf("%s with a wrong password: %v", name, err)
		}
		if err := by(t, open(t, Mock([32]byte{7}, "u"), nil, false).port(), "pencil", "disable", "prefer"); err == nil || !strings.Contains(err.Error(), "password authentication failed") {
			t.Errorf("%s at a mock verifier: %v", name, err)
		}
		for _, pair := range keyPairs(t) {
			d := open(t, keys, &pair, true)
			if err := by(t, d.port(), "pencil", "require", "require"); err != nil || d.mechanisms() != MechanismPlus {
				t.Errorf("%s, %s: %s, %v", name, pair.name, d.mechanisms(), err)
			}
			if err := by(t, d.port(), "pencil", "require", "disable"); err == nil || !strings.Contains(err.Error(), "channel binding is required") {
				t.Errorf("%s, %s, without binding where it is required: %v", name, pair.name, err)
			}
			d = open(t, keys, &pair, false)
			if err := by(t, d.port(), "pencil", "require", "disable"); err != nil || d.mechanisms() != Mechanism {
				t.Errorf("%s, %s, without binding: %s, %v", name, pair.name, d.mechanisms(), err)
			}
		}
	}
}

// Passwords that SASLprep changes, by clients that prepare them themselves.
func TestClientsThatPreparePasswordsLogIn(t *testing.T) {
	t.Parallel()
	keys, err := NewVerifier("I\u00adX\u00a0\u2168", DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, keys, nil, false)
	for _, password := range []string{"I\u00adX\u00a0\u2168", "IX IX"} {
		if err := byPsql(t, d.port(), password, "disable", "prefer"); err != nil {
			t.Errorf("%q: %v", password, err)
		}
	}
}
