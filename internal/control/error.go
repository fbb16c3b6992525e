package control

import (
	"errors"
	"net/http"

	"holdfast/internal/fault"
)

// RequestIDHeader carries the id under which the log knows a request.
const RequestIDHeader = "X-Request-Id"

// ErrorBody is a failure on the wire.
type ErrorBody struct {
	Code      string          `json:"code"`
	Kind      string          `json:"kind"`
	Message   string          `json:"message"`
	Hint      string          `json:"hint,omitempty"`
	Problems  []fault.Problem `json:"problems,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
}

type errorEnvelope struct {
	Error ErrorBody `json:"error"`
}

// statuses maps the kinds of failure to HTTP statuses (RFC 9110 section 15; 507 is RFC 4918).
var statuses = map[fault.Kind]int{
	fault.Internal:    http.StatusInternalServerError,
	fault.Usage:       http.StatusBadRequest,
	fault.Config:      http.StatusUnprocessableEntity,
	fault.NotFound:    http.StatusNotFound,
	fault.Denied:      http.StatusForbidden,
	fault.Conflict:    http.StatusConflict,
	fault.Unavailable: http.StatusServiceUnavailable,
	fault.Full:        http.StatusInsufficientStorage,
	fault.Invalid:     http.StatusUnprocessableEntity,
	fault.Interrupted: http.StatusServiceUnavailable,
	fault.Partial:     http.StatusInternalServerError,
}

// Status returns the HTTP status of an error's kind.
func Status(err error) int { return statuses[fault.KindOf(err)] }

// WriteError answers with a failure. The caller is an administrator (see Trust), so the whole message is told.
func WriteError(w http.ResponseWriter, err error) {
	WriteJSON(w, Status(err), errorEnvelope{Body(err, w.Header().Get(RequestIDHeader))})
}

// Body returns the wire form of an error.
func Body(err error, requestID string) ErrorBody {
	b := ErrorBody{
		Code: fault.CodeOf(err), Kind: fault.KindOf(err).String(),
		Message: err.Error(), Hint: fault.HintOf(err), RequestID: requestID,
	}
	var problems fault.Problems
	if errors.As(err, &problems) {
		b.Problems = problems
	}
	return b
}

// Err returns the error that the body stands for.
func (b ErrorBody) Err() error {
	e := &fault.Error{Kind: fault.ParseKind(b.Kind), Code: b.Code, Hint: b.Hint, Err: errors.New(b.Message)}
	if len(b.Problems) > 0 {
		e.Err = fault.Problems(b.Problems)
	}
	return e
}
