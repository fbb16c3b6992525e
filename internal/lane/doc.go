// Package lane is a fast way for the simplest of requests: it stands between a plain TCP listener and net/http, answers
// GET and HEAD of what lies in memory or in an open file on event loops (package epoll), and hands every other connection
// on, with the bytes that were read from it. net/http spends 25 µs on a request, most of it to wake goroutines and to keep
// maps of headers; a file of 4 KB is worth three system calls.
//
//	       listener
//	          │ accept
//	┌─────────▼──────────┐  simple, and the Handler has it      ┌────────┐
//	│  lane: event loops │ ───────────────────────────────────► │ answer │ ─► next request
//	└─────────┬──────────┘                                      └────────┘
//	          │ anything else: the connection and its bytes
//	┌─────────▼──────────┐
//	│ Accept → net/http  │ ─► until the connection ends, or what it asks for is the lane's again
//	└────────────────────┘
//
// # Vocabulary
//
//   - [Lane]: the front as a whole. To net/http it is the net.Listener.
//   - Head: a request's line and header, up to its empty line. What the lane answers has no body.
//   - Simple: a head that is read in one way only. [Request] is one.
//   - [Handler]: looks at a simple request, on the loop, and says [Answered], [NotMine] or [Wait].
//   - Warming: what a Handler does on a goroutine after Wait: open, load, ask. Then it is asked again, once.
//   - Handing over: giving the connection to net/http.
//   - Coming back: net/http has answered requests that were the lane's, and gives the connection back between two of them.
//
// # Who answers
//
// The lane never says that a request is wrong. Whatever is not plainly simple is net/http's to judge, so there is one
// reading of a doubtful request and not two: bytes that begin no GET or HEAD (a body's method, TLS, HTTP/2), versions
// other than HTTP/1.1, targets that are no clean path, line ends that are not CRLF, folded lines, a missing or second Host,
// characters outside of ASCII, a field twice of which one is expected, and every Content-Length, Transfer-Encoding,
// Upgrade, Expect, Trailer, TE and Connection but "keep-alive" and "close". head.go has the grammar; a fuzz test holds
// it to net/http's reading.
//
// # Coming back
//
// A browser asks for a page and then, on the same connection, for what the page is made of; a proxy in front puts the requests of all
// visitors on a few connections. If a connection that was handed over stayed with net/http, one request that is not the lane's would cost
// all that follow it their place here. So who answers behind net/http says [Mine] of requests that the lane would have answered, and after
// some of them in a row the connection comes back: while net/http waits for the next request its Read returns io.EOF, as
// if the peer had gone, and the socket, duplicated before, is watched by its loop again. net/http must hold no byte of the next request then. It
// reads through one buffer, and asks for as many bytes as that has room: at the first Read, when it is empty, the room is noted, and
// only a Read for as many, while net/http is known to wait, is the moment. For that the server calls two methods of the connection, Context (as
// http.Server.ConnContext) and Idle (at http.StateIdle), as package web does; without them nothing comes back.
//
// The way there and back costs about 35 µs, more than one answer saves. A connection that came back for less than it cost has to show twice as many
// requests the next time, so that one with a colourful mixture stays with net/http.
//
// # Guarantees
//
//   - What the lane answers, net/http would have read as the same method, target, host and fields, without a body, and
//     ending at the same byte.
//   - Answers go out in the order of requests, one at a time. While one is under way nothing is read: a peer that does
//     not read its answers is not listened to.
//   - A Handler is never asked to wait: Answer does not block, and bytes of a file that are not in memory are fetched by a
//     goroutine (asked with RWF_NOWAIT, preadv2(2)) before the loop sends them.
//   - A connection's turn is bounded, by [turnRequests] and [turnBytes]; then the others have theirs.
//   - A Reply's release is called once, whatever became of the connection, and before Stop returns.
//   - A connection belongs to one loop at a time. Half of the loops are homes, for small answers; a large one is sent on any of
//     them, to which the connection moves before the answer begins, and stays until it asks for something small.
//   - An idle connection costs about half a kilobyte and no goroutine.
//
// # What it costs
//
// Measured beside other work on two processors, in processor time of the server per request of a 4 KB file through a signed
// link: 6.4 µs here, 28 µs through net/http, 6.0 µs through nginx; with a connection for each request 19 and 65 µs. About
// two thirds of it is the kernel's. Handing over costs 11 µs: wakening the one who accepts, and the
// dozen system calls with which the net package adopts a socket.
//
// # Limits
//
// A head has 16 KiB here; longer ones are handed over to net/http, which has a limit of its own. It has to be complete 10 s
// after the connection or its first byte; between requests there are 2 minutes. A peer that takes less than 64 KiB in a
// minute of an answer that waits for it is cut off. Connections are counted, handed over or not: at the limit the longest
// idle one makes room, and if there is none new ones wait in the kernel.
//
// # Failure
//
// A file that turns out shorter than announced, or cannot be read, ends the connection in the middle: the peer sees that
// the length is not reached. Running out of descriptors pauses accepting for a moment. The request of a Handler that
// panics goes to net/http, and the log has the stack.
//
// # Ending
//
// Close, which http.Server.Shutdown calls, stops accepting. Requests that have arrived are answered, each as the last of its
// connection; the other connections are closed, and what would have to be handed over now is, too: net/http answers no
// request that it reads after Shutdown. Stop waits for the answers until its context ends, then cuts them, and returns when
// all goroutines have ended.
package lane
