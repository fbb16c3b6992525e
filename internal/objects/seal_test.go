package objects

import (
	"bytes"
	"encoding/hex"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

func TestASealedSecretOpensUnderItsKeyAndItsIDOnly(t *testing.T) {
	t.Parallel()
	s := newSealer(secret.New("master key of sixteen or more"))
	one, err := s.seal("HFONE", secret.New("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := s.seal("HFONE", secret.New("sesame"))
	if err != nil || bytes.Equal(one, two) || bytes.Contains(one, []byte("sesame")) {
		t.Errorf("%x, %v", two, err)
	}
	if got, err := s.open("HFONE", one); err != nil || got.Reveal() != "sesame" {
		t.Errorf("%v", err)
	}
	if _, err := s.open("HFTWO", one); fault.CodeOf(err) != "master_key_wrong" {
		t.Errorf("opened under another id: %v", err)
	}
	if _, err := newSealer(secret.New("another master key, as long")).open("HFONE", one); fault.CodeOf(err) != "master_key_wrong" {
		t.Errorf("opened under another key: %v", err)
	}
	for i := range one {
		changed := bytes.Clone(one)
		changed[i] ^= 1
		if _, err := s.open("HFONE", changed); err == nil {
			t.Errorf("byte %d may be changed", i)
		}
	}
	for n := range one {
		if _, err := s.open("HFONE", one[:n]); err == nil {
			t.Errorf("%d bytes are enough", n)
		}
	}
}

// What was sealed by an earlier version must open: this text was made once and is never made anew.
func TestSecretsSealedLongAgoOpen(t *testing.T) {
	t.Parallel()
	s := newSealer(secret.New("published-test-vector-master-key"))
	sealed, err := hex.DecodeString(sealedVector)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.open("HFVECTOR000000000001", sealed)
	if err != nil || got.Reveal() != "open sesame" {
		t.Errorf("%v", err)
	}
}

const sealedVector = "01e309508b604b07f5dc9eea2d2ba5ef26c35b0a209ab3a1f441b683c07401a90d37ec7e365877da"
