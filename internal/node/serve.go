package node

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// JoinPath is where a machine that wants to join asks.
const JoinPath = "/holdfast-join"

const (
	// maxAsk bounds a request, in bytes.
	maxAsk = 4 << 10
	// maxHost bounds what a machine calls itself, in bytes.
	maxHost = 253
	// atOnce is how many requests are judged at once; more are told to come again.
	atOnce = 16
)

// nobody is the secret against which the proof of an unknown id is checked, so that it takes as long as any other. Nothing is
// ever sealed with it.
var nobody = strings.Repeat("?", secretSize)

// Routes are the routes for new machines, on the edge and on the admin listener, without a login.
func (n *Node) Routes() map[string]http.Handler {
	return map[string]http.Handler{"POST " + JoinPath: http.HandlerFunc(n.join)}
}

func (n *Node) join(w http.ResponseWriter, r *http.Request) {
	var q request
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAsk))
	if err == nil {
		err = json.Unmarshal(text, &q)
	}
	select {
	case n.busy <- struct{}{}:
		defer func() { <-n.busy }()
	default:
		tooOften(w)
		return
	}
	invite, any := n.live.find(r.Context(), q.ID)
	if !any {
		control.WriteError(w, fault.New(fault.NotFound, "not_found", "nothing here"))
		return
	}
	known := !invite.secret.IsZero()
	if !known {
		invite.secret = secret.New(nobody)
	}
	proven := q.proven(invite.secret)
	if err != nil || !known || !proven || len(q.Host) > maxHost || len(q.Public) != 32 {
		n.refuse(w, r, q, "the request is wrong, or its invite is not live")
		return
	}
	if !invite.rate.Allow() {
		tooOften(w)
		return
	}
	n.admit(w, r, q, invite.secret)
}

// admit answers who has the secret.
func (n *Node) admit(w http.ResponseWriter, r *http.Request, q request, value secret.String) {
	bundle, err := n.opts.Bundle()
	if err == nil && !q.Take {
		bundle = bundle.names()
	}
	var plain []byte
	if err == nil {
		plain, err = bundle.encode()
	}
	if err != nil {
		n.fail(w, r, err)
		return
	}
	if q.Take {
		counted, err := n.claim(r.Context(), q, address(r))
		switch {
		case errors.Is(err, errRefused):
			n.refuse(w, r, q, "the invite is used up, over or revoked")
			return
		case err != nil:
			n.fail(w, r, err)
			return
		case counted:
			n.told(r.Context(), Event{Kind: JoinedEvent, Invite: q.ID, Host: printable(q.Host), Address: address(r)})
		}
	}
	sealed, err := sealAnswer(q, value, plain)
	if err != nil {
		n.refuse(w, r, q, err.Error()) // its key is no point of the curve
		return
	}
	control.WriteJSON(w, http.StatusOK, sealed)
}

// refuse says the same whatever is wrong; the reason stays in the log.
func (n *Node) refuse(w http.ResponseWriter, r *http.Request, q request, reason string) {
	if !n.live.wrong.Allow() {
		tooOften(w)
		return
	}
	n.log.WarnContext(r.Context(), "a machine may not join", "invite", printable(q.ID), "host", printable(q.Host), "address", address(r), "reason", reason)
	control.WriteError(w, fault.New(fault.Denied, "join_refused", "this token lets nobody join"))
}

func (n *Node) fail(w http.ResponseWriter, r *http.Request, err error) {
	n.log.ErrorContext(r.Context(), "a machine cannot join", "error", err)
	control.WriteError(w, fault.New(fault.Unavailable, "join_unavailable", "this node cannot answer now"))
}

func tooOften(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	control.WriteJSON(w, http.StatusTooManyRequests, map[string]any{"error": control.ErrorBody{
		Code: "too_many_requests", Kind: fault.Unavailable.String(), Message: "too many requests",
	}})
}

// address is from where a request came, for people.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// printable cuts and cleans what a stranger says for logs and lists.
func printable(s string) string {
	s = s[:min(len(s), maxHost)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
