package content

import "context"

// newConsumer returns the consuming half.
func newConsumer(*Content) (consumer, error) { return nobody{}, nil }

// nobody is a consuming half that consumes nothing.
type nobody struct{}

func (nobody) start(context.Context) error { return nil }
func (nobody) stop(context.Context) error  { return nil }
func (nobody) published(Publication)       {}
func (nobody) purged([]Tombstone)          {}
