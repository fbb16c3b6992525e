package content

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// Span is a time span of an option.
type Span = time.Duration

// complete fills in the defaults.
func (o *Options) complete() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Node == "" {
		name, err := os.Hostname()
		if err != nil {
			name = "unnamed"
		}
		o.Node = fmt.Sprintf("%s:%d", name, os.Getpid())
	}
	if o.RoleTTL <= 0 {
		o.RoleTTL = 15 * time.Second
	}
	if o.Observe == nil {
		o.Observe = func(string, string) {}
	}
	if o.Git == "" {
		o.Git = "git"
	}
	d := DefaultConfig()
	o.Config.Parallel = max(o.Config.Parallel, 1)
	o.Config.SyncParallel = max(o.Config.SyncParallel, 1)
	o.Config.KeepRevisions = max(o.Config.KeepRevisions, 1)
	if o.Config.PartSize == 0 {
		o.Config.PartSize = d.PartSize
	}
	if o.Config.HookTimeout == 0 {
		o.Config.HookTimeout = d.HookTimeout
	}
}

// signingInfo separates the key of indexes and tombstones from the others that are derived from files.master_key.
const signingInfo = "holdfast content index v1"

// signingKey derives the Ed25519 key (RFC 8032) by HKDF-SHA256 (RFC 5869), without salt: the same on every machine.
func signingKey(master secret.String) (ed25519.PrivateKey, error) {
	if master.IsZero() {
		return nil, fault.New(fault.Config, "master_key_missing", "files.master_key is not set: indexes are signed with a key derived from it").
			WithHint("holdfast init generates it; it must be the same on all machines")
	}
	seed, err := hkdf.Key(sha256.New, []byte(master.Reveal()), nil, signingInfo, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("derive signing key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
