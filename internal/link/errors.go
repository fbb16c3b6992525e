package link

import (
	"errors"

	"holdfast/internal/fault"
)

// The three ways in which a URL is no valid link; see the package comment.
var (
	ErrNotLink = &fault.Error{Kind: fault.NotFound, Code: "not_found", Err: errors.New("not found")}
	ErrRefused = (&fault.Error{Kind: fault.Denied, Code: "link_refused", Err: errors.New("this link is not valid")}).
			WithHint("ask the application for a fresh link")
	ErrExpired = (&fault.Error{Kind: fault.Denied, Code: "link_expired", Err: errors.New("this link has expired")}).
			WithHint("load the page that showed it again, or ask the application for a fresh link")
)

func badGrant(format string, args ...any) error {
	return fault.New(fault.Usage, "link_grant", "sign link: "+format, args...)
}
