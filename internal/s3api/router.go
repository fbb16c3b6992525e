package s3api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"holdfast/internal/s3wire"
)

// router finds the operation that a request asks for.
type router struct {
	rows map[route][]operation
	subs map[string]bool // every name that selects or could select an operation
}

type route struct {
	method string
	level  level
}

func newRouter() router {
	rt := router{rows: map[route][]operation{}, subs: map[string]bool{}}
	for _, op := range allOperations() {
		k := route{op.Method, op.Level}
		rt.rows[k] = append(rt.rows[k], op)
		if op.Sub != "" {
			rt.subs[op.Sub] = true
		}
	}
	for _, s := range foreignSubs() {
		rt.subs[s] = true
	}
	return rt
}

// find returns the operation, or the error that says why there is none. stranger means an unsigned request.
func (rt router) find(r *http.Request, l level, q url.Values, stranger bool) (*operation, error) {
	rows := rt.rows[route{r.Method, l}]
	source := r.Header.Get(copySourceHeader) != ""
	var op *operation
	for i := range rows {
		row := &rows[i]
		if row.Source && !source || row.Sub != "" && !q.Has(row.Sub) {
			continue
		}
		if op == nil || row.Sub != "" && op.Sub == "" || row.Sub == op.Sub && row.Source {
			op = row
		}
	}
	if source && (op == nil || !op.Source) {
		return nil, invalidArgument("x-amz-copy-source", r.Header.Get(copySourceHeader), "You can only specify a copy source header for copy requests.")
	}
	if err := rt.foreign(r.Method, l, op, q, stranger); err != nil {
		return nil, err
	}
	switch {
	case op == nil:
		return nil, methodNotAllowed(r.Method, [...]string{"SERVICE", "BUCKET", "OBJECT"}[l])
	case r.Method == http.MethodPut && op.Sub == "uploadId" && !q.Has("partNumber"):
		return nil, methodNotAllowed(r.Method, "UPLOAD")
	}
	return op, nil
}

// foreign refuses query parameters that the operation does not understand. S3 ignores what it does not know; so does
// this for reading with a value ("?v=3" of a cached page), but what would be a new verb of S3 is never ignored.
func (rt router) foreign(method string, l level, op *operation, q url.Values, stranger bool) error {
	if len(q) == 0 {
		return nil
	}
	for name, values := range q {
		switch {
		case op != nil && (name == op.Sub || slices.Contains(op.Params, name)), proofParam(name):
		case rt.subs[name]:
			return rt.misplaced(method, l, op, name)
		case name == "partNumber":
			return invalidArgument(name, name, "This operation does not accept partNumber without uploadId")
		case name == "versionId":
			return invalidArgument(name, values[0], "This operation does not accept a version-id.")
		case method != http.MethodGet && method != http.MethodHead, values[0] == "" && !stranger:
			return s3wire.NotImplemented.New().With("Parameter", name)
		}
	}
	return nil
}

// misplaced names what is wrong with a sub-resource that the operation does not have.
func (rt router) misplaced(method string, l level, op *operation, name string) error {
	if op != nil && op.Sub != "" && rt.has(method, l, name) {
		return invalidArgument("ResourceType", op.Sub, "Conflicting query string parameters: "+op.Sub+", "+name)
	}
	switch {
	case l == object && name == "uploads" && method == http.MethodGet:
		return s3wire.InvalidRequest.Newf("Key is not expected for the GET method ?uploads subresource")
	case l == object && name == "versions":
		return s3wire.InvalidRequest.Newf("There is no such thing as the ?versions sub-resource for a key")
	}
	return s3wire.NotImplemented.New().With("Parameter", name)
}

func (rt router) has(method string, l level, sub string) bool {
	return slices.ContainsFunc(rt.rows[route{method, l}], func(op operation) bool { return op.Sub == sub })
}

// proofParam reports whether a query parameter belongs to signing or to nobody: S3 leaves names that begin with "x-"
// to applications, and SDKs add "x-id".
func proofParam(name string) bool {
	if len(name) > 2 && strings.EqualFold(name[:2], "x-") {
		return true
	}
	return name == "AWSAccessKeyId" || name == "Signature" || name == "Expires"
}

func methodNotAllowed(method, kind string) *s3wire.Error {
	return s3wire.MethodNotAllowed.New().With("Method", method).With("ResourceType", kind)
}

func invalidArgument(name, value, message string) *s3wire.Error {
	return s3wire.InvalidArgument.Newf("%s", message).With("ArgumentName", name).With("ArgumentValue", value)
}
