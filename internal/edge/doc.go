// Package edge is the HTTP front that visitors touch.
//
// For now it answers what Holdfast itself serves: signed links, upload slots and public files, each a route that
// package daemon mounts. Hosts, upstream applications, the page cache and limits join it here.
//
// # Guarantees
//
//   - A request for a host that is not configured is refused with 421 before any route sees it, so a name that was
//     pointed at this server (DNS rebinding) reaches nothing.
//   - Every response has a request id, nosniff and a referrer policy, errors included.
//   - What does not exist and what one may not see answer alike.
//
// # The lane
//
// On a plain TCP listener, simple requests for routes that have a lane (package lane) are answered on event loops, with
// the same host check, log lines and metrics; all others, and everything over TLS, by net/http. The lane's route is the one
// that the mux would choose: a longer pattern without a lane takes its requests away.
package edge
