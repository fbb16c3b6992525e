// Package timing tells where the time of an application's requests goes: how long each route takes (median, 95th and 99th
// percentile), how much of it is waiting, application and database, and which requests were slow.
//
// # Vocabulary
//
//   - A request's time is what its visitor waits for the answer to begin: the queue (waiting for a server) and the application.
//     Sending the answer is not part of it, since that is the visitor's line and not the application's work.
//   - Of the application's time a part is the database's, as far as the application says so ([Record.DB]).
//   - A route is a method and a path in which what differs from request to request is a star: /courses/*/edit.
//
// # How routes are found
//
// An application does not say which of its routes answered, so they are learned from its paths. A segment that is a number, a digest, a
// UUID or very long is a star at once. Others stand for themselves until there are too many of them in one place ([wide]): then
// all become one star, and what was known of them is added together. Paths of answers that are errors teach nothing: scanners ask for
// thousands that do not exist, and are counted together under [Other].
//
// # Bounds
//
// At most [maxRoutes] routes are told apart; the numbers are those of the current half hour and the one before it; the last [maxSlow] slow requests
// are kept. Percentiles come from a histogram whose steps are 6 %, so they are right to 3 %.
package timing
