// Package logging makes the process's logger: one event per line, JSON or text, with the id of the request that caused
// it.
//
// Parts of Holdfast are handed a *slog.Logger and log with the context of what they do; the handler adds "request_id"
// by itself, at the top level whatever groups are open. The story goes to standard error (STYLE.md: standard output is
// for answers), and daemon may put further writers beside it.
//
// # Keys
//
// "time", "level" and "msg" are slog's. "error" is an error's text ([Err] adds its code and hint), durations are text
// such as "1.5s", sizes are whole bytes under a key that ends in _bytes.
//
// # Secrets
//
// Values of type secret.String print as redacted, in both formats and inside of other values. Query strings and headers
// of requests are not logged, because signatures are in them.
package logging
