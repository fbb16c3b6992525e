// Package epoll moves bytes between many sockets on one goroutine: raw non-blocking system calls, one buffer for all,
// timers in a wheel. Linux only. It exists for the pooler, whose work is to wait and to copy a few hundred bytes.
//
// # Vocabulary
//
//   - Loop: a goroutine that waits for sockets (epoll), timers and posted functions, and calls their owners.
//   - On the loop: in a function that the loop calls. All of the package is used there, and needs no locks, except for
//     [Loop.Post], Start and Stop, which may be called from anywhere, and connections that no loop knows yet.
//   - Round: the loop waits, reads the clock, calls the handlers of what is ready, the alarms of timers that are due,
//     what was posted, and at last what was deferred.
//   - Watch: the loop's interest in a descriptor. Level-triggered: what is not used up is told again in the next round.
//     So a handler may read once and return, which also is fair to the others.
//   - Stream: a connection that a loop serves, as [Conn] in the clear and as [Secure] with TLS.
//
// Logging in takes long, computes, and asks others: it belongs on a goroutine with the net package. Afterwards [Take] or
// [Switch.Secure] carry the socket over, and the goroutine ends.
//
// # Guarantees
//
//   - A removed Watch and a stopped Timer are never heard of again, not even within the round in which they were due.
//   - A timer never fires early by the clock of its loop, whose time stands still during a round (Now), and at most two
//     ticks of 10 ms late when the loop has nothing else to do.
//   - What Post took runs, in order, before Stop returns.
//   - The loop sleeps until something happens: nothing is looked at in intervals.
//   - Relaying allocates nothing, neither do posting, deferring and timers. Writing TLS neither; crypto/tls makes 24
//     bytes for each Read.
//
// A handler must not block and must not panic: nothing recovers, because what it left behind is not known. Owners remove
// their watches before they close; Stop tells how many were left.
//
// # How it waits, and why so
//
// Measured with clients and servers in another process, in processor time of the relay per question and answer. On one
// processor with 1 and with 16 clients: a goroutine per client on the net package 10.2 and 8.2 µs; this loop sleeping in
// epoll_wait 9.3 and 7.1; looking without blocking first 9.6 and 7.4, which gains when the peers run on other processors
// (60 % of looks find something); giving way (runtime.Gosched) before sleeping 12.4 and 7.3; parking the goroutine in
// Go's own poller, with our epoll inside of it, 11.2 and 7.2. Hence [Loop]: it sleeps in epoll_wait, and looks first only
// when several sockets were ready the last time. Beside two goroutines that compute without end on two processors, one
// client gets 500 transactions per second through the net package and 1,100 through a parked loop, because Go asks its
// poller only every 10 ms then, and 17,000 or more through a loop that sleeps in epoll_wait.
//
// A loop that naps and keeps its thread stays on one processor; one that does not is moved to that of its peer again and again
// (17,000 times a second, at 20,000 waits). Between a client and a server, each with a processor of its own to run on, staying is
// better: with one client a transaction of the pooler costs 31 µs instead of 38, and there are 7 % more of them. With 16 there is
// nothing to be gained, and a thread that is kept has to be woken whenever the scheduler was let look, which on a machine without
// an idle processor takes milliseconds. A loop that answers one client by itself does better to be moved: next to the client it
// answers in 12 µs, from another processor, which has to be woken, in 63. So the pooler's loops keep their threads while events come
// one at a time, and the edge's do not ([Loop.KeepThread]).
//
// One thing has to be paid for: a goroutine that sleeps in a system call keeps its processor (P) until Go's monitor takes
// it away, up to 10 ms later, and one that naps keeps it until the nap ends. With GOMAXPROCS=1 all other goroutines stand still
// as long, again and again. So GOMAXPROCS has to be greater than the number of loops that nap, on a machine with one processor
// as well: with 2 there, an echo on a goroutine beside a busy loop takes 26 µs; with 1, some 8 ms. [Naps] bounds how
// many do; the daemon has both numbers fit each other.
//
// System calls on sockets are not announced to the scheduler either: they are over before it could do anything, and the
// announcement costs 40 ns each.
//
// # TLS
//
// crypto/tls does all of TLS, on the loop as before. Below it stands a [Switch], which is the blocking connection of the
// net package during the handshake, and the raw socket afterwards. Reading without success is an error that calls itself
// temporary, over which crypto/tls keeps its state, wherever in a record or a message that may be. Writing never fails:
// records go to a buffer, which is lent while there is something in it.
//
// Three things follow. Decrypted bytes may be inside while the descriptor is silent: Buffered. A peer that does not read
// leaves records inside: Pending. And reading may write, because a peer may ask for new keys or deserve an alert.
//
// Servers should set DynamicRecordSizingDisabled in their tls.Config: else crypto/tls cuts the first 128 KiB into records
// of 1.4 KB. Renegotiation (TLS 1.2) would need a blocking connection: leave it off, as it is by default.
//
// An idle plain connection costs 0.3 KB of memory here, one with TLS 7 KB, and 23 KB after it has got a record of the
// largest size, 16 KiB: crypto/tls keeps that buffer.
package epoll
