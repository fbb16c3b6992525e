package blob

import "context"

type aheadKey struct{}

// ReadAhead returns a context for Open that tells the store that the blob will be read from its beginning: a store behind a
// network then asks for the bytes at once, which saves the round trip that asks for size and time. It changes nothing else.
func ReadAhead(ctx context.Context) context.Context { return context.WithValue(ctx, aheadKey{}, true) }

// ReadsAhead reports whether the context is one of ReadAhead. Stores ask it.
func ReadsAhead(ctx context.Context) bool { return ctx.Value(aheadKey{}) != nil }
