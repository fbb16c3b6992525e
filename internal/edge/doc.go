// Package edge is the HTTP front that visitors touch: it answers what Holdfast itself serves (signed links, upload slots,
// assets, content: routes that package daemon mounts) and hands everything else to the application's servers (package upstream).
//
// # The way of a request
//
//	request id, access log        web.Wrap; every answer is logged and counted, whoever gave it
//	headers                       set first, so that no answer goes without them
//	an authority's question       answered where certificates are got by ACME (package certs)
//	host                          one that is not ours: 421
//	method and path               CONNECT, TRACE: 405; dot segments, controls: 400
//	HTTP → HTTPS                  301, where redirect_https says so
//	limits                        429 or 503 (package throttle)
//	auth                          the application is asked first, where [[edge.auth]] says so
//	our own routes                links, slots, public files, assets, content
//	the page cache                answers of the application kept for others (package httpcache), but of guarded paths
//	an application                package upstream: by host and path, [[edge.apps]]; without one: 404
//
// # Guarantees
//
//   - With configured hosts a request for another one is refused with 421 before any route sees it, so a name that was
//     pointed at this server (DNS rebinding) reaches nothing.
//   - On the host of files.public_url, when it is not one of the site's, there are our own routes and never an application.
//   - Every response has a request id and the headers of [edge.headers], errors included. What a route or the application
//     sets itself counts, and counts once.
//   - A rule of limits or auth holds for a path in every spelling: it is compared decoded, and with runs of slashes as one;
//     paths with dot segments are refused.
//   - What does not exist and what one may not see answer alike.
//   - X-Accel-Redirect and X-Sendfile count in answers of the application alone, and lead to what [[edge.accel]] names and nowhere else.
//   - The log holds no query, no cookie, and no path of our own routes: they may hold links, which are secrets.
//
// # The lane
//
// On a plain TCP listener, simple requests for routes that have a lane (package lane), and for pages that the page cache has for everybody, are answered on
// event loops, with the same host check, headers, log lines and metrics; all others, and everything over TLS, by net/http. The lane's route is the
// one that the mux would choose: a longer pattern without a lane takes its requests away. Routes for which there are limits or
// questions to the application have no lane, and where plain HTTP is redirected there is none at all. A page is looked up there when its path
// has one reading, is guarded by no question, and is under no limit that makes it wait or asks who it is; limits by address are counted. The word of
// a trusted proxy counts as elsewhere. Connections that net/http had to answer come back when they ask for such things again.
//
// # Reload
//
// All that comes from the configuration is a site, and [Edge.Reload] puts another one in its place: a request sees one of them
// from its beginning to its end. What has a state is kept: servers of applications, limits that are the same, the log, the page
// cache, certificates. Addresses, and whether TLS or HTTP/3 is spoken there, need a restart ([Fixed]).
//
// # What changes
//
// A request that changes something removes what is stored for its address, here at once and on the other nodes by way of the database
// (type changes). Visitors decide which addresses these are, so what is told is bounded for each of them and for all.
//
// # Certificates
//
// A handshake gets the file that is for the name, else what package certs has for it, else the first file; without any of
// them it is refused. HTTP/3 uses the same, and everything behind it is the same site.
//
// # Failure
//
// Our own answers are short pages, HTML or JSON as the visitor accepts, with the request id that the log has. Who a
// visitor is, is what the connection says, or what a proxy in trusted_proxies says.
package edge
