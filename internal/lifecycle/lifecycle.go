// Package lifecycle is the one way in which long-running parts of Holdfast start and stop.
//
// # Contract
//
// A [Service] is built by a constructor that starts nothing. Start returns when the service is ready to be used, or
// with the reason why it is not; after an error nothing of it runs. Its context bounds the starting, not the life of
// the service. Stop ends the service and waits until every goroutine that it started has ended; it is safe before
// Start, after a failed Start, twice, and from several goroutines, all of which wait. Stop's context bounds polite
// endings (drain): when it ends, what is left is cut off, but Stop still waits for the goroutines.
//
// Start of a service that runs returns nil, and starts nothing twice. Start after Stop starts it anew where the service
// can do that, else it returns an error. Stop ends a starting that is in progress: that Start returns [ErrStopped].
//
// [Group] starts services in order and stops those that run in reverse order. [Base] keeps the state that makes a
// service keep this contract; [Loop] is a service made of one function, [HTTPServer] one made of an http.Server.
// lifecycletest stresses any service.
package lifecycle

import "context"

// Service is a part that runs. Each implementation says in its package comment what "ready" means for it.
type Service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}
