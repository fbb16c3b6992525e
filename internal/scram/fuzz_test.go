package scram

import (
	"bytes"
	"strings"
	"testing"
)

// Whatever a client sends who does not know the password, it is not let in; and the server answers within its bounds.
func FuzzServer(f *testing.F) {
	f.Add(false, "n,,n=,r=abc", "c=biws,r=$,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Add(true, "p=tls-server-end-point,,n=,r=abc", "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsZGlnZXN0,r=$,x=y,p=")
	f.Add(true, "y,a=x,m=,r=", "c=,r=,p=")
	keys := Mock([32]byte{1}, "somebody") // nothing by chance, or the fuzzer takes it for coverage
	f.Fuzz(func(t *testing.T, plus bool, first, final string) {
		mechanism, binding := Mechanism, Binding{}
		if plus {
			mechanism, binding = MechanismPlus, Binding{Endpoint: []byte("digest")}
		}
		s := NewServer(keys, binding)
		s.nonce = "server's"
		answer, err := s.First(mechanism, []byte(first))
		if (err == nil) != (answer != nil) || len(answer) > maxNonce+200 {
			t.Fatalf("%q, %v", answer, err)
		}
		if answer, err := s.Final([]byte(strings.ReplaceAll(final, "$", s.nonce))); err == nil || answer != nil || s.ClientKey() != (key{}) {
			t.Fatalf("let in: %q", answer)
		}
	})
}

// Whatever a server says that does not know the password, it is not believed, and the client's work is bounded.
func FuzzClient(f *testing.F) {
	f.Add("r=$x,s=c2FsdA==,i=1", "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Add("r=$x,s=c2FsdA==,i=2,x=y", "e=other-error")
	f.Add("m=,r=,s=,i=", "")
	f.Fuzz(func(t *testing.T, first, final string) {
		if strings.Contains(first, "i=") && len(first)-strings.LastIndex(first, "i=") > 6 {
			return // thousands of iterations, which take their time
		}
		c := NewClient(withPassword("a password that no fuzzer knows"), Binding{})
		c.nonce, c.bare = "client's", "n=,r=client's"
		if _, err := c.Mechanism([]string{Mechanism}); err != nil {
			t.Fatal(err)
		}
		c.First()
		answer, err := c.Final([]byte(strings.ReplaceAll(first, "$", c.nonce)))
		if (err == nil) != (answer != nil) {
			t.Fatalf("%q, %v", answer, err)
		}
		if c.Verify([]byte(final)) == nil {
			t.Fatal("believed")
		}
	})
}

// A verifier that is read is written as it was, and of passwords the right one fits.
func FuzzVerifier(f *testing.F) {
	f.Add(verifier(f, "x").String())
	f.Add("SCRAM-SHA-256$1:AA==$:")
	f.Add("SCRAM-SHA-256$01:QQ==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseVerifier(text)
		if err != nil {
			return
		}
		again, err := ParseVerifier(k.String())
		if err != nil || !again.Equal(k) || k.Iterations < 1 || k.Iterations > MaxIterations {
			t.Fatalf("%q became %q, %v", text, k.String(), err)
		}
		if len(text) == len(k.String()) && text != k.String() {
			t.Fatalf("%q became %q", text, k.String())
		}
	})
}

// No text of a password makes it fail: it is prepared or taken as it is, and preparing it again changes nothing.
func FuzzPrepare(f *testing.F) {
	for _, p := range []string{"pencil", "I\u00adX", "\u00aa", "\u2168", "\u0627\u0031", "a\u00a0b", "\xff", "\u200b", "\u0627a\u0627", ""} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, password string) {
		once := prepare(password)
		if password != "" && once == "" {
			t.Fatalf("%q became nothing", password)
		}
		if again := prepare(once); again != once {
			t.Fatalf("%q became %q, then %q", password, once, again)
		}
		if bytes.IndexByte([]byte(once), 0) >= 0 && bytes.IndexByte([]byte(password), 0) < 0 {
			t.Fatalf("%q has a NUL", once)
		}
	})
}
