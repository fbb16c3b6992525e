package secret_test

import (
	"bytes"
	"errors"
	"testing"

	"holdfast/internal/secret"
)

func sealer(t *testing.T, master, info string) *secret.Sealer {
	t.Helper()
	s, err := secret.NewSealer(secret.New(master), info)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASealedSecretOpensUnderItsKeyAndForItsPurposeAlone(t *testing.T) {
	t.Parallel()
	s := sealer(t, "a master key", "rows")
	sealed := s.Seal("row 1", secret.New(value))
	if bytes.Contains(sealed, []byte(value)) || bytes.Equal(sealed, s.Seal("row 1", secret.New(value))) {
		t.Error("sealed is not encrypted, or twice the same")
	}
	if got, err := s.Open("row 1", sealed); err != nil || !got.Equal(value) {
		t.Errorf("opened: %v", err)
	}
	altered := bytes.Clone(sealed)
	altered[len(altered)-1] ^= 1
	for name, open := range map[string]func() (secret.String, error){
		"another purpose": func() (secret.String, error) { return s.Open("row 2", sealed) },
		"another key":     func() (secret.String, error) { return sealer(t, "another", "rows").Open("row 1", sealed) },
		"another sort":    func() (secret.String, error) { return sealer(t, "a master key", "links").Open("row 1", sealed) },
		"altered":         func() (secret.String, error) { return s.Open("row 1", altered) },
		"cut":             func() (secret.String, error) { return s.Open("row 1", sealed[:9]) },
		"nothing":         func() (secret.String, error) { return s.Open("row 1", nil) },
	} {
		if got, err := open(); !errors.Is(err, secret.ErrUnsealed) || !got.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := secret.NewSealer(secret.String{}, "rows"); err == nil {
		t.Error("an empty master key seals")
	}
}
