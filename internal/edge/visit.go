package edge

import (
	"context"

	"holdfast/internal/upstream"
)

// visit is what is known of a request beyond the request.
type visit struct {
	upstream.Visitor
	host string         // as the visitor wrote it
	path string         // without the query
	app  bool           // the application was asked; else the path may hold a link, which is a secret
	pool *upstream.Pool // that answers; of the application's requests only

	cache string // what the page cache did; "" without one
}

// visitKey is the key of the visit in a request's context.
type visitKey struct{}

func withVisit(ctx context.Context, v *visit) context.Context {
	return upstream.WithVisitor(context.WithValue(ctx, visitKey{}, v), &v.Visitor)
}

// visitOf returns the visit that the context knows, or nil.
func visitOf(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}
