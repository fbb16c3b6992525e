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
	newer := bytes.Clone(sealed)
	newer[0]++
	for name, test := range map[string]struct {
		by      *secret.Sealer
		purpose string
		sealed  []byte
		want    error
	}{
		"another purpose": {s, "row 2", sealed, secret.ErrUnsealed},
		"another key":     {sealer(t, "another", "rows"), "row 1", sealed, secret.ErrUnsealed},
		"another sort":    {sealer(t, "a master key", "links"), "row 1", sealed, secret.ErrUnsealed},
		"altered":         {s, "row 1", altered, secret.ErrUnsealed},
		"a newer version": {s, "row 1", newer, secret.ErrSealVersion},
		"cut":             {s, "row 1", sealed[:9], secret.ErrSealVersion},
		"nothing":         {s, "row 1", nil, secret.ErrSealVersion},
	} {
		if got, err := test.by.Open(test.purpose, test.sealed); !errors.Is(err, test.want) || !got.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := secret.NewSealer(secret.String{}, "rows"); err == nil {
		t.Error("an empty master key seals")
	}
}
