// Package httpcache is a shared HTTP cache (RFC 9111) in front of an application: an http.Handler around another one, which
// answers what it has stored and asks the other for the rest, once however many visitors wait.
//
// # Vocabulary
//
//   - Address: scheme, host, path and query of a request, without the parameters that a rule ignores.
//   - Selectors: names of request fields of which the values tell the answers of one address apart: those of Vary, those of a rule,
//     and all that nobody knows (below).
//   - [object]: a stored answer. The first of an address lies in the slot of the address and holds the selectors and a salt; the
//     others lie in slots named by address, salt and values. So to remove the first is to remove them all.
//   - Flight: one request to the application for which visitors wait, with the answer as far as it has come.
//   - Pass: a request that goes to the application as if there was no cache.
//
// # What is stored
//
// Answers to GET, of status 200, 203, 204, 300, 301, 302, 307, 308, 404 and 410, that say how long they are fresh (s-maxage,
// max-age, Expires, or CDN-Cache-Control, RFC 9213, which takes the place of the others) or to which a rule gives a time. Nothing
// that says no-store or private; nothing with Set-Cookie, whatever else it says; no part of an answer (206); nothing with
// trailers; no file that X-Accel-Redirect hands over; nothing that is longer than max_object; nothing that varies on everything (Vary: *).
// Errors of 5xx and refusals such as 400, 401, 403, 413 and 429 are never stored: they can be provoked.
//
// # One visitor's answer for another
//
// The cache is written for those who want to read other people's pages, or to put their own in front of them:
//
//   - A request with a cookie that is not on a list of ignored ones, or with Authorization, is somebody's. Its answer is not
//     stored, nobody waits for it, and it is answered from the cache only by an answer that says public or s-maxage
//     and does not vary on Cookie. (The answer to a request with Authorization is stored if it says public or s-maxage, RFC 9111 section 3.5.)
//   - What the application sees of a request that may be stored is part of the key, or selects, or is taken away, or is one
//     of the few fields that every browser sends and that Vary has to name (Accept, User-Agent, Referer, …; see harmless). Ignored parameters and
//     cookies are taken away. Fields that nobody knows, X-HTTP-Method-Override or HX-Request, select although no Vary names
//     them: an answer that they change is found again by those who send the same.
//   - Accept-Encoding is reduced to the codings that there are, for the key and for the application. An answer with a
//     Content-Encoding selects by it, whether it says so or not.
//   - GET with a body is passed. Range and conditions are not shown to the application when the answer may be stored; for what
//     turned out not to be they are, for PassFor.
//   - Path and query are compared byte by byte as they were sent; the application gets them as they were sent. To cache "/account/x.css"
//     as the page "/account" one needs a visitor without a cookie, who has no account to see.
//   - Stored answers carry nothing of the request that brought them: its id and whatever the front adds are added anew.
//
// # Collapse
//
// The first request for what is not stored takes off; those that come meanwhile for the same wait. It is flown by a goroutine
// of its own, so the visitor who was first may go, or be slow. When the header has come and may be shared, those who wait get the
// body as it comes, if its length is known, and else when it is whole. When it may not be shared they all go to the application at once, and for
// PassFor the next ones do not wait at all: each asks in its own goroutine, and if the answer is for all after all it is stored
// while it is sent. Nobody waits for longer than collapse_wait. When nobody waits any more before the header has come,
// the application is told.
//
// # Stale answers
//
// A stored answer that is not fresh is asked about (If-None-Match, If-Modified-Since), and a 304 makes it fresh. Within
// stale-while-revalidate it is given at once and asked about behind (RFC 5861); within stale-if-error it is given when the application fails.
// Never so with no-cache, must-revalidate, proxy-revalidate and s-maxage.
//
// # On event loops
//
// [Cache.Find] answers a request of package lane from memory, without a goroutine and without allocating: a fresh answer, to GET or HEAD, as it is or 304. It
// says yes only where ServeHTTP would give the same object in the same way. All that decides is read anew for each request from the
// same places (address, selectors, cookies, rules, directives, freshness), so there is nothing to forget when something is removed. The header of an
// object is what ServeHTTP's own code writes, kept as bytes beside the object from the first such request on (lines); Age and Cache-Status are added.
// Everything else is left to ServeHTTP: Authorization, Range, If-Match, If-Unmodified-Since, fields that nobody knows, directives where they are obeyed, bodies
// on disk or above 1 MB, whatever is stale or not there. The tests put each request to both, and compare.
//
// # Removal
//
// Answers are removed by address, prefix and tag (Surrogate-Key, Cache-Tag; visitors do not see these fields). What is in
// flight meanwhile is given to those who wait and not stored. A method that changes something (RFC 9111 section 4.4) removes its
// address, and what Location and Content-Location name on the same host.
//
// # Bounds and failure
//
// Memory holds answers up to a sixteenth of it each; with a disk ([cache.Disk]) all answers are on disk, too, and survive a restart.
// Bodies in flight take at most as much memory again; beyond that answers are passed. A disk that is full or fails costs hits and
// nothing else. An answer that breaks off is cut for everybody who gets it, and never stored. A request that this package cannot understand is passed.
package httpcache
