// Package admin shows what Holdfast does and takes orders from the people who run it.
//
// It is handed sections (a name and a function that reports) and routes, and imports no feature: package daemon knows
// who reports what.
//
// # Two doors
//
//   - The control socket <state>/holdfast.sock. Only the daemon's user and root can open it, so every route is there
//     without further proof. The command line uses it.
//   - The admin listener, 127.0.0.1:7070. Programs send the token as "Authorization: Bearer …". People open a login
//     link, which the control socket hands out: it works once, for ten minutes, and starts a session of twelve hours
//     in a cookie that scripts cannot read and other sites cannot send. /healthz and /readyz ask for nothing and tell
//     nothing but yes or no.
//
// # Routes of its own
//
// GET / the status page, GET /status.json the same as JSON, GET /metrics the metrics, POST /v1/status, /v1/stop,
// /v1/login, GET /v1/logs (a stream of lines: the last ones, and with follow=1 those that come).
//
// # Failure
//
// A section that does not report within two seconds is shown as not answering; the page never waits for it longer.
package admin
