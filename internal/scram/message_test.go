package scram

import (
	"errors"
	"strings"
	"testing"

	"holdfast/internal/fault"
)

// A firstMessage is one of a client, with what becomes of it.
type firstMessage struct {
	mechanism, message string
	binding            Binding
	want               error
}

// firstMessages returns those that are well formed: some are taken, some fail for their channel binding.
func firstMessages() []firstMessage {
	endpoint := Binding{Endpoint: []byte("digest")}
	must := Binding{Endpoint: []byte("digest"), Required: true}
	return []firstMessage{
		{Mechanism, "n,,n=,r=abc", Binding{}, nil},
		{Mechanism, "y,,n=,r=abc", Binding{}, nil},
		{Mechanism, "n,,n=user,r=abc", Binding{}, nil},
		{Mechanism, "n,,n=*,r=abc,x=ext,Y=more", Binding{}, nil},
		{Mechanism, "n,,n=,r=abc", endpoint, nil},
		{MechanismPlus, "p=tls-server-end-point,,n=,r=abc", endpoint, nil},
		{MechanismPlus, "p=tls-server-end-point,,n=,r=abc", must, nil},

		{Mechanism, "y,,n=,r=abc", endpoint, ErrBinding},
		{Mechanism, "n,,n=,r=abc", must, ErrBinding},
		{Mechanism, "p=tls-server-end-point,,n=,r=abc", endpoint, ErrBinding},
		{MechanismPlus, "n,,n=,r=abc", endpoint, ErrBinding},
		{MechanismPlus, "y,,n=,r=abc", endpoint, ErrBinding},
		{MechanismPlus, "p=tls-unique,,n=,r=abc", endpoint, ErrBinding},
		{MechanismPlus, "p=tls-server-end-point,,n=,r=abc", Binding{}, ErrMessage},
		{MechanismPlus, "n,,n=,r=abc", Binding{}, ErrMessage},
	}
}

// malformedFirstMessages returns those that break the protocol.
func malformedFirstMessages() []firstMessage {
	return []firstMessage{
		{"", "n,,n=,r=abc", Binding{}, ErrMessage},
		{"SCRAM-SHA-1", "n,,n=,r=abc", Binding{}, ErrMessage},
		{Mechanism, "", Binding{}, ErrMessage},
		{Mechanism, "n", Binding{}, ErrMessage},
		{Mechanism, "n,", Binding{}, ErrMessage},
		{Mechanism, "n,,", Binding{}, ErrMessage},
		{Mechanism, ",,n=,r=abc", Binding{}, ErrMessage},
		{Mechanism, "x,,n=,r=abc", Binding{}, ErrMessage},
		{Mechanism, "nn,,n=,r=abc", Binding{}, ErrMessage},
		{Mechanism, "n,a=admin,n=,r=abc", Binding{}, ErrMessage},
		{Mechanism, "n,x,n=,r=abc", Binding{}, ErrMessage},
		{Mechanism, "n,,m=ext,n=,r=abc", Binding{}, ErrMessage},
		{Mechanism, "n,,r=abc,n=", Binding{}, ErrMessage},
		{Mechanism, "n,,n=", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=a b", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=a\x00b", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=a\x7f", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=aé", Binding{}, ErrMessage},
		{Mechanism, "n,,n=a\x00b,r=abc", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=abc,", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=abc,x", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=abc,1=x", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=" + strings.Repeat("a", maxNonce), Binding{}, nil},
		{Mechanism, "n,,n=,r=" + strings.Repeat("a", maxNonce+1), Binding{}, ErrMessage},
		{Mechanism, "n,,n=" + strings.Repeat("a", maxFromClient) + ",r=abc", Binding{}, ErrMessage},
		{Mechanism, "n,,n=,r=" + strings.Repeat("a", 1<<20), Binding{}, ErrMessage}, // CVE-2026-6665
	}
}

// Traps 10 and 14: what a client can send before it has proved anything.
func TestServersTakeOnlyFirstMessagesThatAreWellFormedAndBound(t *testing.T) {
	t.Parallel()
	for _, c := range append(firstMessages(), malformedFirstMessages()...) {
		s := NewServer(verifier(t, "pencil"), c.binding)
		answer, err := s.First(c.mechanism, []byte(c.message))
		if c.want == nil && (err != nil || !strings.HasPrefix(string(answer), "r=a")) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s %.60q: %q, %v, want %v", c.mechanism, c.message, answer, err, c.want)
		}
		if c.want == nil {
			continue
		}
		if _, err := s.Final([]byte("c=biws,r=abc,p=x")); !errors.Is(err, ErrMessage) {
			t.Errorf("%.60q: the exchange went on: %v", c.message, err)
		}
	}
}

func TestServersRefuseMalformedFinalMessages(t *testing.T) {
	t.Parallel()
	zero := encode(make([]byte, 32))
	for message, want := range map[string]error{
		"c=biws,r=$,p=" + zero:            ErrProof,
		"c=biws,r=$,x=ext,p=" + zero:      ErrProof,
		"c=biws,r=$,x=ext,y=p=,p=" + zero: ErrProof,
		"c=eSws,r=$,p=" + zero:            ErrBinding,
		"c=,r=$,p=" + zero:                ErrBinding,
		"c=biws,r=$x,p=" + zero:           ErrMessage,
		"c=biws,r=,p=" + zero:             ErrMessage,
		"c=biws,r=$":                      ErrMessage,
		"c=biws,r=$,":                     ErrMessage,
		"c=biws,r=$,p=":                   ErrMessage,
		"c=biws,r=$,p=AAAA":               ErrMessage,
		"c=biws,r=$,p=" + zero + ",":      ErrMessage,
		"c=biws,r=$,p=" + zero + "x":      ErrMessage,
		"c=biws,r=$,p=" + zero + "\n":     ErrMessage,
		"c=biws,r=$,p=" + zero[:43]:       ErrMessage,
		"c=biws,r=$,,p=" + zero:           ErrMessage,
		"c=biws,r=$,ext,p=" + zero:        ErrMessage,
		"c=biws,r=$,x=ext":                ErrMessage,
		"r=$,c=biws,p=" + zero:            ErrMessage,
		"c=biws,p=" + zero:                ErrMessage,
		"p=" + zero:                       ErrMessage,
		"":                                ErrMessage,
		"c=biws":                          ErrMessage,
		"c=biws,r=$,p=" + strings.Repeat("A", maxFromClient): ErrMessage,
		"c=biws,r=$,x=" + strings.Repeat("A", 1<<20) + ",p=": ErrMessage,
	} {
		s := NewServer(verifier(t, "pencil"), Binding{})
		if _, err := s.First(Mechanism, []byte("n,,n=,r=abc")); err != nil {
			t.Fatal(err)
		}
		answer, err := s.Final([]byte(strings.ReplaceAll(message, "$", s.nonce)))
		if !errors.Is(err, want) || answer != nil {
			t.Errorf("%.60q: %q, %v, want %v", message, answer, err, want)
		}
	}
	if _, err := NewServer(verifier(t, "pencil"), Binding{}).Final([]byte("c=biws,r=abc,p=" + zero)); !errors.Is(err, ErrMessage) {
		t.Errorf("without a first message: %v", err)
	}
}

func TestClientsRefuseMalformedServers(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]error{
		"r=$x,s=c2FsdA==,i=1":                            nil,
		"r=$x,s=c2FsdA==,i=1,x=ext":                      nil,
		"r=$x,s=c2FsdA==,i=0":                            ErrMessage,
		"r=$x,s=c2FsdA==,i=-1":                           ErrMessage,
		"r=$x,s=c2FsdA==,i=+1":                           ErrMessage,
		"r=$x,s=c2FsdA==,i=":                             ErrMessage,
		"r=$x,s=c2FsdA==,i=1000001":                      ErrMessage,
		"r=$x,s=c2FsdA==,i=4294967297":                   ErrMessage,
		"r=$x,s=c2FsdA==,i=1,":                           ErrMessage,
		"r=$x,s=c2FsdA==":                                ErrMessage,
		"r=$x,s=c2FsdA=,i=1":                             ErrMessage,
		"r=$x,s=,i=1":                                    ErrMessage,
		"r=$x,i=1,s=c2FsdA==":                            ErrMessage,
		"r=$,s=c2FsdA==,i=1":                             ErrMessage, // no nonce of its own
		"r=x$,s=c2FsdA==,i=1":                            ErrMessage,
		"r=other,s=c2FsdA==,i=1":                         ErrMessage,
		"r=$\x01,s=c2FsdA==,i=1":                         ErrMessage,
		"m=ext,r=$x,s=c2FsdA==,i=1":                      ErrMessage,
		"":                                               ErrMessage,
		"e=other-error":                                  ErrMessage,
		"r=$" + strings.Repeat("x", 5000):                ErrMessage,
		"r=$x,s=" + strings.Repeat("A", 4000):            ErrMessage,
		"r=$x,s=" + strings.Repeat("AAAA", 400) + ",i=1": ErrMessage,
	} {
		c := NewClient(withPassword("pencil"), Binding{})
		if _, err := c.Mechanism([]string{Mechanism}); err != nil {
			t.Fatal(err)
		}
		c.First()
		_, err := c.Final([]byte(strings.ReplaceAll(message, "$", c.nonce)))
		if want == nil && err != nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", message, err, want)
		}
		if err != nil && c.Verify([]byte("v="+encode(make([]byte, 32)))) == nil {
			t.Errorf("%.60q: the exchange went on", message)
		}
	}
}

// A server that only forwards, or does not know the verifier, is not believed.
func TestClientsRefuseServersThatDoNotProveThemselves(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]error{
		"v=" + encode(make([]byte, 32)):       ErrProof,
		"e=invalid-proof":                     ErrProof,
		"":                                    ErrMessage,
		"v=":                                  ErrMessage,
		"v=AAAA":                              ErrMessage,
		"x=1":                                 ErrMessage,
		"v=" + encode(make([]byte, 32)) + ",": ErrMessage,
		"v=" + encode(make([]byte, 32)) + ",x=ext": ErrProof,
		"v=" + strings.Repeat("A", 5000):           ErrMessage,
	} {
		s, c := NewServer(verifier(t, "pencil"), Binding{}), NewClient(withPassword("pencil"), Binding{})
		mechanism, _ := c.Mechanism(s.Mechanisms())
		first, _ := s.First(mechanism, c.First())
		if _, err := c.Final(first); err != nil {
			t.Fatal(err)
		}
		if err := c.Verify([]byte(message)); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", message, err, want)
		}
	}
	if err := NewClient(withPassword("pencil"), Binding{}).Verify([]byte("v=" + encode(make([]byte, 32)))); !errors.Is(err, ErrMessage) {
		t.Errorf("before the exchange: %v", err)
	}
}

func TestVerifiersAreReadAsPostgreSQLWritesThem(t *testing.T) {
	t.Parallel()
	const good = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	k, err := ParseVerifier(good)
	if err != nil || k.String() != good || k.Iterations != 4096 || !k.Matches("pencil") || k.Matches("Pencil") {
		t.Errorf("got %s, %v", k.String(), err)
	}
	for _, bad := range []string{
		"", "pencil", "md5d41d8cd98f00b204e9800998ecf8427e", "SCRAM-SHA-256$", "SCRAM-SHA-1" + good[13:], strings.ToLower(good),
		strings.Replace(good, "4096", "0", 1), strings.Replace(good, "4096", "-1", 1), strings.Replace(good, "4096", "+1", 1),
		strings.Replace(good, "4096", "1000001", 1), strings.Replace(good, "4096", "99999999999999999999", 1), strings.Replace(good, "4096", "", 1),
		strings.Replace(good, "W22ZaJ0SNY7soEsUEjb6gQ==", "", 1), strings.Replace(good, "W22ZaJ0SNY7soEsUEjb6gQ==", "!", 1),
		strings.Replace(good, "W22ZaJ0SNY7soEsUEjb6gQ==", strings.Repeat("AAAA", 400), 1),
		good[:len(good)-1], good + "=", good + "\n", good + ":", strings.Replace(good, "$W", ":W", 1), strings.Replace(good, "=:", "=$", 1),
		strings.Replace(good, "WG5d", "", 1), strings.Replace(good, "qY=:", "qY=AAAA:", 1),
	} {
		if k, err := ParseVerifier(bad); !errors.Is(err, ErrVerifier) || k.Iterations != 0 {
			t.Errorf("%.60q: got %s, %v", bad, k.String(), err)
		} else if strings.Contains(err.Error(), "AAAA") {
			t.Errorf("the error repeats the text: %v", err)
		}
	}
}

func TestVerifiersAreMadeWithinBounds(t *testing.T) {
	t.Parallel()
	a, b := verifier(t, "pencil"), verifier(t, "pencil")
	if a.Equal(b) || !a.Equal(a) || a.StoredKey == b.StoredKey {
		t.Error("two verifiers of one password have one salt")
	}
	if again, err := ParseVerifier(a.String()); err != nil || !again.Equal(a) {
		t.Errorf("read again: %v", err)
	}
	for _, n := range []int{-1, 0, MaxIterations + 1} {
		if _, err := NewVerifier("pencil", n); fault.KindOf(err) != fault.Usage {
			t.Errorf("%d iterations: %v", n, err)
		}
	}
	if _, err := NewVerifier("", quick); fault.KindOf(err) != fault.Usage {
		t.Errorf("an empty password: %v", err)
	}
}
