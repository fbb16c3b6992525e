package scram

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
)

// A refusal is an ErrorResponse.
type refusal struct{ code, message string }

func (r *refusal) Error() string { return r.code + " " + r.message }

// connect opens a connection to a real PostgreSQL, with TLS or without, and returns the binding to its certificate.
func connect(t *testing.T, server *pgtest.PG, encrypt bool) (net.Conn, Binding) {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if !encrypt {
		return conn, Binding{}
	}
	request, _ := (&pgproto3.SSLRequest{}).Encode(nil)
	answer := make([]byte, 1)
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(answer); err != nil || answer[0] != 'S' {
		t.Fatalf("PostgreSQL answers %q, %v", answer, err)
	}
	encrypted := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	if err := encrypted.Handshake(); err != nil {
		t.Fatal(err)
	}
	endpoint, err := EndpointBinding(encrypted.ConnectionState().PeerCertificates[0])
	if err != nil {
		t.Fatal(err)
	}
	return encrypted, Binding{Endpoint: endpoint}
}

// login proves a credential to a real PostgreSQL and returns the mechanism.
func login(t *testing.T, conn net.Conn, role string, c *Client) (mechanism string, err error) {
	t.Helper()
	front := pgproto3.NewFrontend(conn, conn)
	front.Send(&pgproto3.StartupMessage{ProtocolVersion: 3 << 16, Parameters: map[string]string{"user": role, "database": "postgres"}})
	for {
		if err := front.Flush(); err != nil {
			t.Fatal(err)
		}
		m, err := front.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			return mechanism, &refusal{m.Code, m.Message}
		case *pgproto3.AuthenticationSASL:
			if mechanism, err = c.Mechanism(m.AuthMechanisms); err != nil {
				return "", err
			}
			front.Send(&pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: c.First()})
		case *pgproto3.AuthenticationSASLContinue:
			answer, err := c.Final(m.Data)
			if err != nil {
				return mechanism, err
			}
			front.Send(&pgproto3.SASLResponse{Data: answer})
		case *pgproto3.AuthenticationSASLFinal:
			if err := c.Verify(m.Data); err != nil {
				return mechanism, err
			}
		case *pgproto3.ReadyForQuery:
			return mechanism, nil
		}
	}
}

func scramServer(t *testing.T) *pgtest.PG {
	t.Helper()
	return pgtest.Cluster(t, pgtest.TLS(), pgtest.HBA("host all all 127.0.0.1/32 scram-sha-256"))
}

// S2-54, the leg to the server.
func TestPostgreSQLTakesOurClient(t *testing.T) {
	t.Parallel()
	server := scramServer(t)
	learned, err := NewVerifier("pencil", 5000)
	if err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "CREATE ROLE plain LOGIN PASSWORD 'pencil'", "CREATE ROLE prepared LOGIN PASSWORD U&'I\\00ADX\\00A0\\2168'",
		"CREATE ROLE raw LOGIN PASSWORD U&'a\\0221\\00A0'", "CREATE ROLE ours LOGIN PASSWORD '"+learned.String()+"'")
	s := NewServer(learned, Binding{})
	if err := exchange(s, NewClient(withPassword("pencil"), Binding{})); err != nil {
		t.Fatal(err)
	}
	keys := Credential{ClientKey: s.ClientKey(), ServerKey: learned.ServerKey}
	wrongServer := keys
	wrongServer.ServerKey[0] ^= 1

	for name, c := range map[string]struct {
		role       string
		credential Credential
		want       error
	}{
		"a password":                    {"plain", withPassword("pencil"), nil},
		"a password that is prepared":   {"prepared", withPassword("I\u00adX\u00a0\u2168"), nil},
		"the same, prepared":            {"prepared", withPassword("IX IX"), nil},
		"a password that cannot be":     {"raw", withPassword("a\u0221\u00a0"), nil},
		"a verifier that we made":       {"ours", withPassword("pencil"), nil},
		"keys that we learned":          {"ours", keys, nil},
		"a wrong password":              {"plain", withPassword("Pencil"), &refusal{}},
		"an empty password":             {"plain", withPassword(""), &refusal{}},
		"no such role":                  {"nobody", withPassword("pencil"), &refusal{}},
		"keys of another verifier":      {"plain", keys, &refusal{}},
		"a server without the verifier": {"ours", wrongServer, ErrProof},
	} {
		for _, encrypt := range []bool{false, true} {
			conn, binding := connect(t, server, encrypt)
			mechanism, err := login(t, conn, c.role, NewClient(c.credential, binding))
			if want := map[bool]string{false: Mechanism, true: MechanismPlus}[encrypt]; mechanism != want {
				t.Errorf("%s, TLS %v: mechanism %q", name, encrypt, mechanism)
			}
			var r *refusal
			switch wantRefusal := errors.As(c.want, &r); {
			case wantRefusal && (!errors.As(err, &r) || r.code != "28P01"):
				t.Errorf("%s, TLS %v: %v", name, encrypt, err)
			case !wantRefusal && !errors.Is(err, c.want):
				t.Errorf("%s, TLS %v: %v", name, encrypt, err)
			}
		}
	}
}

// Each kind of certificate, and then what somebody between us and PostgreSQL could do.
func TestPostgreSQLBindsToTheCertificateThatWeSee(t *testing.T) {
	t.Parallel()
	server := scramServer(t)
	server.Exec(t, "CREATE ROLE plain LOGIN PASSWORD 'pencil'")
	for _, pair := range keyPairs(t) {
		install(t, server, pair)
		conn, binding := connect(t, server, true)
		binding.Required = true
		if mechanism, err := login(t, conn, "plain", NewClient(withPassword("pencil"), binding)); err != nil || mechanism != MechanismPlus {
			t.Errorf("%s: %s, %v", pair.name, mechanism, err)
		}
	}
	var r *refusal
	conn, _ := connect(t, server, true)
	if _, err := login(t, conn, "plain", NewClient(withPassword("pencil"), Binding{Endpoint: make([]byte, 32)})); !errors.As(err, &r) || r.code != "28000" {
		t.Errorf("another certificate: %v", err)
	}
	conn, _ = connect(t, server, true)
	if mechanism, err := login(t, conn, "plain", NewClient(withPassword("pencil"), Binding{})); err != nil || mechanism != Mechanism {
		t.Errorf("without binding: %s, %v", mechanism, err)
	}
	conn, binding := connect(t, server, true)
	if _, err := login(t, downgraded{conn}, "plain", NewClient(withPassword("pencil"), binding)); !errors.As(err, &r) || r.code != "28000" {
		t.Errorf("the offer was changed on its way: %v", err)
	}
	conn, binding = connect(t, server, true)
	binding.Required = true
	if _, err := login(t, downgraded{conn}, "plain", NewClient(withPassword("pencil"), binding)); !errors.Is(err, ErrBinding) {
		t.Errorf("the offer was changed on its way to a client that has to bind: %v", err)
	}
}

// install has the server show another certificate, and waits until it does.
func install(t *testing.T, server *pgtest.PG, pair keyPair) {
	t.Helper()
	cert, key := pair.pem(t)
	for name, content := range map[string][]byte{"server.crt": cert, "server.key": key} {
		if err := os.WriteFile(filepath.Join(server.DataDir(), name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server.SetHBA(t, "host all all 127.0.0.1/32 scram-sha-256") // which has it read its files again
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		conn, _ := connect(t, server, true)
		shown := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
		_ = conn.Close()
		if !shown.Equal(pair.cert) {
			return fmt.Errorf("%s is not shown yet", pair.name)
		}
		return nil
	})
}

// A downgraded connection takes the binding mechanism out of what the server offers.
type downgraded struct{ net.Conn }

func (d downgraded) Read(b []byte) (int, error) {
	n, err := d.Conn.Read(b)
	offer, _ := (&pgproto3.AuthenticationSASL{AuthMechanisms: []string{MechanismPlus, Mechanism}}).Encode(nil)
	if n >= len(offer) && string(b[:len(offer)]) == string(offer) {
		less, _ := (&pgproto3.AuthenticationSASL{AuthMechanisms: []string{Mechanism}}).Encode(nil)
		n = copy(b, append(less, b[len(offer):n]...))
	}
	return n, err
}

// What PostgreSQL made of a password, we read; what we made, pgx logs in with.
func TestVerifiersAreExchangedWithPostgreSQL(t *testing.T) {
	t.Parallel()
	server := scramServer(t)
	keys, err := NewVerifier("pencil", DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	server.Exec(t, "CREATE ROLE theirs PASSWORD 'pencil'", "CREATE ROLE ours LOGIN PASSWORD '"+keys.String()+"'")
	conn, err := pgx.Connect(t.Context(), server.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var text string
	if err := conn.QueryRow(t.Context(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'theirs'").Scan(&text); err != nil {
		t.Fatal(err)
	}
	k, err := ParseVerifier(text)
	if err != nil || k.String() != text || k.Iterations != DefaultIterations || len(k.Salt) != saltSize || !k.Matches("pencil") || k.Matches("pen") {
		t.Errorf("%v", err)
	}
	asOurs, err := pgx.Connect(t.Context(), server.TCPURL("postgres", "ours", "pencil")+"?sslmode=require&channel_binding=require")
	if err != nil {
		t.Fatal(err)
	}
	_ = asOurs.Close(context.Background())
}
