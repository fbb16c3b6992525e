// Package control is how commands and programs talk to a running Holdfast: JSON over HTTP, on the control socket and on
// the admin listener.
//
// # Protocol
//
// A call is POST /v1/<noun>/<verb> with a JSON object, answered by a JSON object. Unknown fields in a request are an
// error; fields are only ever added to answers. Streams (the bytes of an object, a log, progress) have routes of
// their own: the request's parameters stand in the query, a stream of events is a JSON object to a line.
//
// A failure is an [ErrorBody] with the HTTP status that belongs to its kind; the client turns it back into the
// [fault.Error] that it was, so a command prints the same message and hint, and exits with the same code, whether the
// work was done in its own process or in the daemon.
//
// # Trust
//
// The socket belongs to the daemon's user with mode 0600: whoever can open it is the administrator. The admin
// listener asks for the token before a request comes here.
package control
