// Package acme runs the edge with an authority beside it: Pebble, the one that Let's Encrypt tests clients with, in the process of
// the test, and a name server that leads it to any of the site's processes. It holds tests only.
package acme
