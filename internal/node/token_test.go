package node

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/fault"
)

func TestATokenIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for _, addresses := range [][]string{{"http://10.0.0.5:8000"}, {"https://www.example.org", "http://10.0.0.5:8000#www.example.org", "http://[fd00::5]:8000"}} {
		made := newToken(addresses)
		got, err := ParseToken(made.Text())
		if err != nil || got.ID != made.ID || !got.Secret.Equal(made.Secret.Reveal()) || fmt.Sprint(got.Addresses) != fmt.Sprint(addresses) {
			t.Errorf("%v: %+v, %v", addresses, got, err)
		}
	}
}

func TestATokenSurvivesWrappedLines(t *testing.T) {
	t.Parallel()
	made := newToken([]string{"http://10.0.0.5:8000"})
	text := made.Text()
	got, err := ParseToken(" " + text[:40] + "\r\n  " + text[40:] + "\n")
	if err != nil || got.ID != made.ID {
		t.Errorf("%v", err)
	}
}

func TestATokenThatIsNotWholeIsTold(t *testing.T) {
	t.Parallel()
	text := newToken([]string{"http://10.0.0.5:8000"}).Text()
	for cut := range len(text) - len(tokenPrefix) {
		_, err := ParseToken(text[:len(tokenPrefix)+cut])
		wantCode(t, fmt.Sprintf("cut after %d", cut), err, "token_damaged")
	}
	for i := len(tokenPrefix); i < len(text); i++ {
		other := byte('A')
		if text[i] == other {
			other = 'B'
		}
		_, err := ParseToken(text[:i] + string(other) + text[i+1:])
		wantCode(t, fmt.Sprintf("altered at %d", i), err, "token_damaged")
	}
	_, err := ParseToken(strings.TrimPrefix(text, "hf"))
	wantCode(t, "without its beginning", err, "token_form")
	_, err = ParseToken(text + strings.Repeat("A", maxToken))
	wantCode(t, "too long", err, "token_damaged")
}

func TestATokenShowsItsSecretToNoPrinter(t *testing.T) {
	t.Parallel()
	tok := newToken([]string{"http://10.0.0.5:8000"})
	if text := fmt.Sprintf("%v %+v %#v", tok, tok, tok); strings.Contains(text, tok.Secret.Reveal()) {
		t.Error("it does")
	}
}

func TestAddressesThatAreNoRootOfANodeAreRefused(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"10.0.0.5:8000", "ftp://x", "http://", "http://u:p@x", "http://x/path", "http://x?q", "http://" + strings.Repeat("x", 300)} {
		if err := CheckAddresses([]string{a}); fault.CodeOf(err) != "token_address" {
			t.Errorf("%q: %v", a, err)
		}
	}
	if CheckAddresses(nil) == nil || CheckAddresses(make([]string, maxAddresses+1)) == nil {
		t.Error("none, or too many, are taken")
	}
}

func FuzzATokenIsReadOrRefused(f *testing.F) {
	f.Add(newToken([]string{"http://10.0.0.5:8000"}).Text())
	f.Add(tokenPrefix)
	f.Add(tokenPrefix + "AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := ParseToken(text)
		if err != nil {
			if c := fault.CodeOf(err); c != "token_form" && c != "token_damaged" && c != "token_address" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		again, err := ParseToken(tok.Text())
		if err != nil || again.ID != tok.ID || !again.Secret.Equal(tok.Secret.Reveal()) || len(again.Addresses) == 0 {
			t.Errorf("%q is read as %v, and that as %v: %v", text, tok, again, err)
		}
	})
}
