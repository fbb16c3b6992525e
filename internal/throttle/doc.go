// Package throttle holds visitors to rates and to numbers of requests at once, so that one of them does not take everything
// from the others.
//
// # Vocabulary
//
//   - [Rule]: for paths and methods, by whom to count, and how much each may.
//   - Key: whom to count: an address (IPv6 by its /64, which is one line's), an identity (the digest of a cookie or
//     header that the configuration names; without it the address), or the route, which is everybody together.
//   - Rate: requests in a time, as "100/s" or "5/m"; burst is how many may come at once before it counts.
//   - Concurrent: requests of one key under way at once. Some more may wait, for as long as the rule says.
//
// # Guarantees
//
//   - All rules that match apply; a request that one of them refuses costs the others nothing that they would not get
//     back.
//   - Memory is bounded: each rule knows at most [maxKeys] keys. When a new one comes, one that has nothing to wait for makes room; while
//     there is none, the one that has used least.
//   - Addresses that are exempt are never counted.
//
// A refusal is 429 with the time after which the next request may succeed; by the route it is 503, because the visitor has
// done nothing wrong. Counts are those of this process and begin anew with it.
package throttle
