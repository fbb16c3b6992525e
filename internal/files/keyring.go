package files

import (
	"crypto/rand"
	"encoding/hex"
	"sync"

	"holdfast/internal/link"
	"holdfast/internal/objects"
	"holdfast/internal/secret"
)

// keyring keeps the derived form of link keys. The index says which keys live; the keyring only saves deriving them
// for each request.
type keyring struct {
	index  linkIndex
	nobody *link.Key // what links of unknown keys are checked with, for the same work
	known  sync.Map  // id → *link.Key
}

func newKeyring(index linkIndex) *keyring {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	nobody, err := link.NewKey("0", "nobody", 0, secret.New(hex.EncodeToString(random)))
	if err != nil {
		panic(err) // the arguments are constants
	}
	return &keyring{index: index, nobody: nobody}
}

// find returns the live key of the id, or a key that nothing was signed with.
func (r *keyring) find(id string) *link.Key {
	k, err := r.index.LinkKey(id)
	if err != nil {
		r.known.Delete(id)
		return r.nobody
	}
	derived, err := r.derive(k)
	if err != nil {
		return r.nobody
	}
	return derived
}

// present returns the live key of an id that memory knows, without waiting.
func (r *keyring) present(id string) (*link.Key, bool) {
	k, ok := r.index.KnownLinkKey(id)
	if !ok {
		return nil, false
	}
	derived, err := r.derive(k)
	return derived, err == nil
}

// derive returns the derived form, from memory if neither epoch nor secret changed.
func (r *keyring) derive(k objects.LinkKey) (*link.Key, error) {
	if v, ok := r.known.Load(k.ID); ok {
		if derived, _ := v.(*link.Key); derived.Bucket() == k.Bucket && derived.Same(k.Epoch, k.Secret) {
			return derived, nil
		}
	}
	derived, err := link.NewKey(k.ID, k.Bucket, k.Epoch, k.Secret)
	if err != nil {
		return nil, err
	}
	r.known.Store(k.ID, derived)
	return derived, nil
}
