package scram

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"holdfast/internal/secret"
)

// quick is an iteration count for tests that are not about it.
const quick = 2

func verifier(t testing.TB, password string) Keys {
	t.Helper()
	k, err := NewVerifier(password, quick)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func withPassword(password string) Credential { return Credential{Password: secret.New(password)} }

// exchange runs both sides and returns the first error of either.
func exchange(s *Server, c *Client) error {
	mechanism, err := c.Mechanism(s.Mechanisms())
	if err != nil {
		return fmt.Errorf("choose: %w", err)
	}
	first, err := s.First(mechanism, c.First())
	if err != nil {
		return fmt.Errorf("server's first: %w", err)
	}
	final, err := c.Final(first)
	if err != nil {
		return fmt.Errorf("client's final: %w", err)
	}
	answer, err := s.Final(final)
	if err != nil {
		return fmt.Errorf("server's final: %w", err)
	}
	return c.Verify(answer)
}

// RFC 7677, section 3.
func TestTheExampleOfTheRFCIsSpoken(t *testing.T) {
	t.Parallel()
	const (
		clientNonce = "rOprNGfwEbeRWgbNEkqO"
		serverNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
		serverFirst = "r=" + clientNonce + serverNonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
		clientFinal = "c=biws,r=" + clientNonce + serverNonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
		serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
	)
	c := NewClient(withPassword("pencil"), Binding{})
	c.nonce, c.bare = clientNonce, "n=user,r="+clientNonce
	if _, err := c.Mechanism([]string{Mechanism}); err != nil {
		t.Fatal(err)
	}
	clientFirst := c.First()
	if got, want := string(clientFirst), "n,,n=user,r="+clientNonce; got != want {
		t.Errorf("client's first: %q, want %q", got, want)
	}
	if got, err := c.Final([]byte(serverFirst)); err != nil || string(got) != clientFinal {
		t.Errorf("client's final: %q, %v", got, err)
	}
	if err := c.Verify([]byte(serverFinal)); err != nil {
		t.Error(err)
	}

	salt, _ := decode("W22ZaJ0SNY7soEsUEjb6gQ==")
	client, server, err := derive("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(Keys{StoredKey: sha256.Sum256(client[:]), ServerKey: server, Salt: salt, Iterations: 4096}, Binding{})
	s.nonce = serverNonce
	if got, err := s.First(Mechanism, clientFirst); err != nil || string(got) != serverFirst {
		t.Errorf("server's first: %q, %v", got, err)
	}
	if got, err := s.Final([]byte(clientFinal)); err != nil || string(got) != serverFinal {
		t.Errorf("server's final: %q, %v", got, err)
	}
}

func TestBothSidesAgreeOrFailByTheSamePassword(t *testing.T) {
	t.Parallel()
	keys := verifier(t, "pencil")
	for _, binding := range []Binding{{}, {Endpoint: []byte("digest")}, {Endpoint: []byte("digest"), Required: true}} {
		if err := exchange(NewServer(keys, binding), NewClient(withPassword("pencil"), binding)); err != nil {
			t.Errorf("right password, %+v: %v", binding, err)
		}
		if err := exchange(NewServer(keys, binding), NewClient(withPassword("Pencil"), binding)); !errors.Is(err, ErrProof) {
			t.Errorf("wrong password, %+v: %v", binding, err)
		}
	}
}

// The client key that a server learns logs in by itself, and only with the server key does the client believe the server.
func TestTheLearnedClientKeyLogsIn(t *testing.T) {
	t.Parallel()
	keys := verifier(t, "pencil")
	s := NewServer(keys, Binding{})
	if s.ClientKey() != (key{}) {
		t.Error("a client key before the exchange")
	}
	if err := exchange(s, NewClient(withPassword("pencil"), Binding{})); err != nil {
		t.Fatal(err)
	}
	credential := Credential{ClientKey: s.ClientKey(), ServerKey: keys.ServerKey}
	if !credential.HasKeys() {
		t.Error("HasKeys is false")
	}
	if err := exchange(NewServer(keys, Binding{}), NewClient(credential, Binding{})); err != nil {
		t.Errorf("with the learned keys: %v", err)
	}
	credential.ServerKey[0] ^= 1
	if err := exchange(NewServer(keys, Binding{}), NewClient(credential, Binding{})); !errors.Is(err, ErrProof) {
		t.Errorf("with another server key: %v", err)
	}
	other := NewServer(verifier(t, "pencil"), Binding{}) // another salt
	if err := exchange(other, NewClient(credential, Binding{})); !errors.Is(err, ErrProof) || other.ClientKey() != (key{}) {
		t.Errorf("at a server with another verifier: %v", err)
	}
}

func TestChannelBindingTiesTheExchangeToItsConnection(t *testing.T) {
	t.Parallel()
	keys := verifier(t, "pencil")
	none, ours, theirs := Binding{}, Binding{Endpoint: []byte("ours")}, Binding{Endpoint: []byte("theirs")}
	must := Binding{Endpoint: []byte("ours"), Required: true}
	for name, c := range map[string]struct {
		server, client Binding
		want           error
	}{
		"neither":                            {none, none, nil},
		"both":                               {ours, ours, nil},
		"only the client can":                {none, ours, nil},
		"only the server can":                {ours, none, nil},
		"somebody between":                   {ours, theirs, ErrBinding},
		"the server must, the client cannot": {must, none, ErrBinding},
		"the client must, the server cannot": {none, must, ErrBinding},
		"the client must, without TLS":       {none, Binding{Required: true}, ErrBinding},
		"the client must, the server could":  {ours, Binding{Required: true}, ErrBinding},
	} {
		err := exchange(NewServer(keys, c.server), NewClient(withPassword("pencil"), c.client))
		if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if m := NewServer(keys, Binding{Required: true}).Mechanisms(); m != nil {
		t.Errorf("a server that must bind and cannot offers %v", m)
	}
}

// Who sits between and takes SCRAM-SHA-256-PLUS out of the offer is found out.
func TestADowngradeIsRefused(t *testing.T) {
	t.Parallel()
	binding := Binding{Endpoint: []byte("digest")}
	s, c := NewServer(verifier(t, "pencil"), binding), NewClient(withPassword("pencil"), binding)
	mechanism, err := c.Mechanism([]string{Mechanism})
	if err != nil || mechanism != Mechanism {
		t.Fatal(mechanism, err)
	}
	if _, err := s.First(mechanism, c.First()); !errors.Is(err, ErrBinding) {
		t.Errorf("got %v", err)
	}
	// The same with the flag changed on the way: the header is signed.
	s, c = NewServer(verifier(t, "pencil"), binding), NewClient(withPassword("pencil"), binding)
	if _, err := c.Mechanism([]string{Mechanism}); err != nil {
		t.Fatal(err)
	}
	first, err := s.First(Mechanism, bytes.Replace(c.First(), []byte("y,,"), []byte("n,,"), 1))
	if err != nil {
		t.Fatal(err)
	}
	final, err := c.Final(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Final(final); !errors.Is(err, ErrBinding) {
		t.Errorf("got %v", err)
	}
}

func TestClientsChooseNoMechanismTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	for _, offered := range [][]string{nil, {"SCRAM-SHA-1"}, {MechanismPlus}, {"scram-sha-256"}} {
		c := NewClient(withPassword("x"), Binding{})
		if m, err := c.Mechanism(offered); err == nil {
			t.Errorf("of %v it chose %s", offered, m)
		}
		if first := c.First(); first != nil {
			t.Errorf("after %v it says %q", offered, first)
		}
	}
}

// A message of one exchange is of no use in another one, nor twice in the same.
func TestReplayedMessagesAreRefused(t *testing.T) {
	t.Parallel()
	keys := verifier(t, "pencil")
	s, c := NewServer(keys, Binding{}), NewClient(withPassword("pencil"), Binding{})
	mechanism, _ := c.Mechanism(s.Mechanisms())
	clientFirst := c.First()
	serverFirst, _ := s.First(mechanism, clientFirst)
	clientFinal, _ := c.Final(serverFirst)
	serverFinal, err := s.Final(clientFinal)
	if err != nil {
		t.Fatal(err)
	}

	again := NewServer(keys, Binding{})
	if _, err := again.First(mechanism, clientFirst); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Final(clientFinal); !errors.Is(err, ErrMessage) {
		t.Errorf("the client's messages replayed: %v", err)
	}
	if _, err := again.Final(clientFinal); !errors.Is(err, ErrMessage) {
		t.Errorf("a second try in the same exchange: %v", err)
	}
	if _, err := s.Final(clientFinal); !errors.Is(err, ErrMessage) {
		t.Errorf("a second last message after success: %v", err)
	}
	if _, err := s.First(mechanism, clientFirst); !errors.Is(err, ErrMessage) {
		t.Errorf("a second first message: %v", err)
	}
	other := NewClient(withPassword("pencil"), Binding{})
	_, _ = other.Mechanism([]string{Mechanism})
	other.First()
	if _, err := other.Final(serverFirst); !errors.Is(err, ErrMessage) {
		t.Errorf("the server's first message replayed: %v", err)
	}
	if err := c.Verify(serverFinal); err != nil {
		t.Error(err)
	}
	if err := c.Verify(serverFinal); !errors.Is(err, ErrMessage) {
		t.Errorf("a second verification: %v", err)
	}
}

// A wrong proof uses the exchange up: guessing needs a new connection each time.
func TestAFailedExchangeStaysFailed(t *testing.T) {
	t.Parallel()
	s, c := NewServer(verifier(t, "pencil"), Binding{}), NewClient(withPassword("wrong"), Binding{})
	mechanism, _ := c.Mechanism(s.Mechanisms())
	first, _ := s.First(mechanism, c.First())
	final, _ := c.Final(first)
	if _, err := s.Final(final); !errors.Is(err, ErrProof) {
		t.Fatalf("got %v", err)
	}
	if _, err := s.Final(final); !errors.Is(err, ErrMessage) || s.ClientKey() != (key{}) {
		t.Errorf("got %v", err)
	}
}

// Every byte of every message is vouched for: changed, it ends the exchange.
func TestAlteredMessagesAreRefused(t *testing.T) {
	t.Parallel()
	keys, binding := verifier(t, "pencil"), Binding{Endpoint: []byte("digest")}
	for which := range 4 {
		for at := 0; ; at++ {
			altered := false
			alter := func(message int, b []byte) []byte {
				if message != which || at >= len(b) {
					return b
				}
				b, altered = bytes.Clone(b), true
				if b[at] ^= 1; b[at] == ',' || b[at] == 0 {
					b[at] ^= 3
				}
				return b
			}
			err := altering(keys, binding, alter)
			if !altered {
				if at == 0 {
					t.Errorf("message %d was never seen", which)
				}
				break
			}
			if err == nil {
				t.Errorf("message %d with byte %d changed was taken", which, at)
			}
		}
	}
}

// altering runs an exchange whose messages pass through alter.
func altering(keys Keys, binding Binding, alter func(int, []byte) []byte) error {
	s, c := NewServer(keys, binding), NewClient(withPassword("pencil"), binding)
	mechanism, err := c.Mechanism(s.Mechanisms())
	if err != nil {
		return err
	}
	m, err := s.First(mechanism, alter(0, c.First()))
	if err != nil {
		return err
	}
	if m, err = c.Final(alter(1, m)); err != nil {
		return err
	}
	if m, err = s.Final(alter(2, m)); err != nil {
		return err
	}
	return c.Verify(alter(3, m))
}

// Unknown users are answered like known ones, the same each time, and no password fits (trap: user enumeration).
func TestAMockVerifierLooksLikeARealOneAndNeverFits(t *testing.T) {
	t.Parallel()
	seed := [32]byte{1, 2, 3}
	a, again, b := Mock(seed, "alice"), Mock(seed, "alice"), Mock(seed, "bob")
	other := Mock([32]byte{9}, "alice")
	if !a.Equal(again) {
		t.Error("the same name has two mock verifiers")
	}
	for name, k := range map[string]Keys{"another name": b, "another seed": other} {
		if bytes.Equal(a.Salt, k.Salt) || a.StoredKey == k.StoredKey || a.ServerKey == k.ServerKey {
			t.Errorf("%s has the same keys", name)
		}
	}
	real, err := NewVerifier("x", DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Salt) != len(real.Salt) || a.Iterations != real.Iterations {
		t.Errorf("mock: %d bytes of salt, %d iterations; real: %d, %d", len(a.Salt), a.Iterations, len(real.Salt), real.Iterations)
	}
	a.Iterations = quick
	mock := exchange(NewServer(a, Binding{}), NewClient(withPassword("pencil"), Binding{}))
	wrong := exchange(NewServer(verifier(t, "pencil"), Binding{}), NewClient(withPassword("x"), Binding{}))
	if !errors.Is(mock, ErrProof) || mock.Error() != wrong.Error() {
		t.Errorf("mock: %v; wrong password: %v", mock, wrong)
	}
}

// The messages of a mock exchange differ from those of a real one in nothing but random parts.
func TestAMockExchangeHasTheShapeOfARealOne(t *testing.T) {
	t.Parallel()
	shape := func(k Keys) string {
		s, c := NewServer(k, Binding{}), NewClient(withPassword("x"), Binding{})
		mechanism, _ := c.Mechanism(s.Mechanisms())
		first, err := s.First(mechanism, c.First())
		return fmt.Sprint(s.Mechanisms(), len(first), strings.Count(string(first), ","), err)
	}
	real, err := NewVerifier("pencil", DefaultIterations)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := shape(Mock([32]byte{1}, "nobody")), shape(real); got != want {
		t.Errorf("mock %s, real %s", got, want)
	}
}

func TestNothingPrintsKeys(t *testing.T) {
	t.Parallel()
	k := verifier(t, "pencil")
	c := Credential{Password: secret.New("pencil"), ClientKey: k.StoredKey, ServerKey: k.ServerKey}
	var out strings.Builder
	for _, v := range []any{k, &k, c, &c, []Keys{k}, struct{ K Keys }{k}} {
		fmt.Fprintf(&out, "%v %+v %#v %s %x %d\n", v, v, v, v, v, v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, hidden := range []string{
		"pencil", encode(k.StoredKey[:]), encode(k.Salt), fmt.Sprintf("%x", k.StoredKey), strings.Trim(fmt.Sprint(k.ServerKey), "[]"),
		strings.ReplaceAll(strings.Trim(fmt.Sprint(k.ServerKey), "[]"), " ", ","),
	} {
		if strings.Contains(out.String(), hidden) {
			t.Errorf("%q was printed:\n%s", hidden, out.String())
		}
	}
	for _, v := range []any{k, c} {
		if b, err := json.Marshal(v); err != nil || string(b) != `"[redacted]"` {
			t.Errorf("%T in JSON: %s, %v", v, b, err)
		}
	}
	if !strings.Contains(k.String(), encode(k.StoredKey[:])) {
		t.Error("String does not tell the verifier")
	}
}
