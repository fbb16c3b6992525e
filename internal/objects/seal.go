package objects

import (
	"errors"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// sealInfo is what the key that seals secrets of access keys is derived for. Each is sealed for the id of its access key.
const sealInfo = "holdfast access key 1"

var errNoMasterKey = fault.New(fault.Config, "master_key_missing", "files.master_key is not set").
	WithHint("holdfast init generates it; it must be the same on all machines")

// sealer encrypts the secrets of access keys.
type sealer struct{ *secret.Sealer } // nil without a master key

func newSealer(master secret.String) sealer {
	if master.IsZero() {
		return sealer{}
	}
	s, err := secret.NewSealer(master, sealInfo)
	if err != nil {
		panic(err) // only a master key that is empty fails
	}
	return sealer{s}
}

func (s sealer) seal(id string, value Secret) ([]byte, error) {
	if s.Sealer == nil {
		return nil, errNoMasterKey
	}
	return s.Seal(id, value), nil
}

func (s sealer) open(id string, sealed []byte) (Secret, error) {
	if s.Sealer == nil {
		return Secret{}, errNoMasterKey
	}
	value, err := s.Open(id, sealed)
	switch {
	case errors.Is(err, secret.ErrSealVersion):
		return value, fault.New(fault.Invalid, "access_key_sealed", "secret of access key %s: %w", id, err)
	case err != nil:
		return value, fault.New(fault.Config, "master_key_wrong", "secret of access key %s was sealed under another files.master_key", id).
			WithHint("set files.master_key to what it was when the key was made, or make new access keys")
	}
	return value, nil
}
