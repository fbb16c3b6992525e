// Package upstream is the application's servers as one http.Handler: it picks a server for each request, hands the request
// over with what the server may believe about the visitor, and the answer back as it comes.
//
// # Vocabulary
//
//   - [Server]: one address of the application, over TCP, TLS or a Unix socket, always in HTTP/1.1.
//   - [Pool]: all of them. It is a lifecycle.Service: it serves between Start and Stop, and its checks run then.
//   - Visitor: who asks, as far as it can be believed ([Trust]): the peer of the connection, or whom a trusted proxy names.
//   - Up, down, draining: a server gets requests; is known not to answer; gets no new ones because a person said so.
//   - Slow start: a server that comes back gets a tenth of its share at first and all of it after a while.
//
// # Which server
//
// The one with the fewest requests under way in proportion to its share, the least recently used one among equals. With
// sticky a visitor comes back to the server that answered first, while that is up. A request waits, for as long as wait says,
// for a server that is up and below max_connections; when all have been down for longer than that, it is told so at once.
//
// # Retries
//
// A request that no server has seen, because none could be connected to, goes to the next one. Beyond that only GET, HEAD and
// OPTIONS without a body are tried again, and only before the answer began. Each server is tried once.
//
// # Two ways
//
// A request without a body that wants no other protocol, to servers without TLS, goes over a wire: a connection that belongs to no
// goroutine, on which the handler itself writes the request and reads the answer, with [http.ReadResponse]. That is almost every
// request, and costs half of what net/http's Transport and ReverseProxy take: no wakening of two goroutines, no copies of headers.
// Answers of known length above half a megabyte go from socket to socket (splice(2)) while they come quickly. Bodies, TLS and
// protocol switches are the Transport's.
//
// An idle wire is looked at before it is used: one that the server closed, or on which it said something that nobody asked for, is
// closed. What must not be sent twice goes over a wire only that was used within the last second, or a new one.
//
// # Health
//
// A server is down after fall failures in a row: connections that fail or break before the answer, checks that fail, or twenty times as
// many answers of 500, 502, 503 and 504 in a row. It is up after rise checks that succeed. Checks are a GET of
// health.path, or without one a connection. Answers of 5xx alone never take the last server away: what is broken on all
// servers is the application's to answer for.
//
// # Headers
//
// Hop-by-hop fields end here, in both directions (RFC 9110 section 7.6.1). X-Forwarded-For, -Proto, -Host and -Port, X-Real-Ip,
// Forwarded (RFC 7239) and X-Request-Id are set; what a visitor sent of them, and of their many relatives, is removed, as is
// every field with an underscore in its name, which CGI and WSGI cannot tell from a hyphen. Trusted proxies keep theirs.
//
// # Time
//
// connect < header ≤ total; see [Timeouts]. An answer that stalls for longer than idle is cut (header and idle may be a sixteenth
// longer, so that deadlines are not moved with every request); a visitor that takes nothing
// is the listener's to cut off. Server-sent events and other answers without a length are flushed piece by piece.
//
// # Failure
//
// 502 when a server broke off or speaks no HTTP, 503 when none is there or all are busy, 504 when the time for an answer is over, 413
// for a body that is too large. An answer that breaks in the middle is cut for the visitor, too, so that nobody takes half
// for the whole. Stop ends what is still under way, WebSockets included.
package upstream
