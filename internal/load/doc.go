// Package load sends requests to a web server as fast as it can, or at a rate, and tells how long each one took. It is what
// "holdfast bench http" runs, and takes the options of hey, a load generator that many administrators have numbers from.
//
// # What is measured
//
// Every request is a [Sample]: when it began, how long it took until the last byte of its answer was read, and how long its
// parts took: to find the address, to connect (TLS included), to write, to wait for the first byte, to read. A request that
// got no answer (refused, cut, too late) is counted with its reason and has no sample, as with hey: errors would make a
// server look fast.
//
// The columns and units of the CSV are hey's. Three things differ, none of which a reader of the CSV sees:
//
//   - exactly so many requests are sent as were asked for; hey sends a multiple of its workers and drops the rest;
//   - answers are asked for in gzip, and counted as they come over the wire, not unpacked: unpacking takes more time than
//     the servers that are measured do;
//   - rows are in the order in which requests ended.
//
// # Bounds
//
// Of each run at most [MaxSamples] samples are kept, spread over the workers; requests beyond are counted in everything that needs no
// sample. Reasons of failures are told apart up to a hundred. Bodies are read and thrown away.
//
// # Whose servers
//
// Load is an attack when it meets a server whose owner has not asked for it. [Plan.Allow] is asked for the host of the address, of a
// proxy, and of every redirection.
package load
