package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/secret"
)

const value = "correct-horse-battery"

// holder is a struct of another package, whose unexported fields fmt prints without asking their methods.
type holder struct {
	Shown  secret.String
	hidden secret.String
	inner  struct{ deep []secret.String }
}

func newHolder() holder {
	h := holder{Shown: secret.New(value), hidden: secret.New(value)}
	h.inner.deep = []secret.String{secret.New(value)}
	return h
}

// Row S0-46: never printed.
func TestNoVerbOfFmtShowsTheValue(t *testing.T) {
	t.Parallel()
	s, h := secret.New(value), newHolder()
	pointer := &s
	things := []any{s, pointer, &pointer, h, &h, []secret.String{s}, map[string]secret.String{"k": s}, [1]holder{h}, any(s)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c", "%U", "%b", "%o", "%e", "%p", "%T", "%w"} {
		for _, thing := range things {
			text := fmt.Sprintf(verb, thing)
			if strings.Contains(text, value) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", value)) {
				t.Errorf("%s of %T shows the value: %s", verb, thing, text)
			}
		}
	}
}

// Row S0-46: never logged, exported or encoded.
func TestNoEncoderShowsTheValue(t *testing.T) {
	t.Parallel()
	h := newHolder()
	var out bytes.Buffer
	write := func(name string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	write("json", json.NewEncoder(&out).Encode(map[string]any{"h": h, "s": h.Shown, "p": &h.Shown}))
	write("xml", xml.NewEncoder(&out).Encode(h))
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "h", h, "s", h.Shown)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "h", h, "s", h.Shown)
	if strings.Contains(out.String(), value) || strings.Count(out.String(), secret.Redacted) < 6 {
		t.Errorf("an encoder shows the value, or not that there is one:\n%s", out.String())
	}
	if err := gob.NewEncoder(&out).Encode(h); err == nil || bytes.Contains(out.Bytes(), []byte(value)) {
		t.Error("gob took the secret; want it to refuse")
	}
}

func TestAnEmptySecretCanBeSeenToBeEmpty(t *testing.T) {
	t.Parallel()
	var zero, read secret.String
	if err := read.UnmarshalText(nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range []secret.String{zero, secret.New(""), read} {
		if !s.IsZero() || s.String() != "" || s.Reveal() != "" || !s.Equal("") {
			t.Errorf("empty secret: zero %v, prints %q, reveals %q", s.IsZero(), s.String(), s.Reveal())
		}
	}
}

func TestASecretIsReadAndRevealedAsItIs(t *testing.T) {
	t.Parallel()
	var s secret.String
	text := []byte(" with spaces\t" + value)
	if err := s.UnmarshalText(text); err != nil {
		t.Fatal(err)
	}
	clear(text) // the secret must not share the caller's memory
	if s.Reveal() != " with spaces\t"+value || s.IsZero() {
		t.Errorf("revealed %q", s.Reveal())
	}
}

func TestEqualComparesTheWholeValue(t *testing.T) {
	t.Parallel()
	s := secret.New(value)
	if !s.Equal(value) || s.Equal(value+"x") || s.Equal(value[1:]) || s.Equal("") {
		t.Error("Equal accepts something else than the value, or refuses the value")
	}
}

func TestGeneratedSecretsAreLongDifferentAndSafeInURLs(t *testing.T) {
	t.Parallel()
	safe := regexp.MustCompile(`^[a-z2-7]+$`)
	seen := map[string]bool{}
	for range 500 {
		s := secret.Generate(0).Reveal()
		if len(s) != 26 || !safe.MatchString(s) || seen[s] {
			t.Fatalf("generated %q: want 26 characters of base32, each time others", s)
		}
		seen[s] = true
	}
	if s := secret.Generate(32).Reveal(); len(s) != 52 {
		t.Errorf("32 bytes are %d characters; want 52", len(s))
	}
}
