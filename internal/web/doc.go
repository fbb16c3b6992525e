// Package web is the HTTP server that every listener of Holdfast is made of.
//
// A [Server] is a lifecycle service: Start returns when its address is bound, Stop lets running requests end until
// its context does, then cuts them off. It serves TCP or a Unix socket, plain or with TLS 1.2 and newer from files
// that are read again when they change.
//
// [Wrap] puts around a handler what every request gets: a request id (taken over from the peer only if it is
// well-formed) on the request, the response and every log line; one access-log line; a panic answered with 500 and
// logged, not a dead connection. The [Recorder] that counts status and bytes keeps what the connection can do:
// http.ResponseController finds the original writer, and io.Copy of a file still ends in sendfile.
//
// # Limits
//
// The header of a request must arrive within 10 seconds and be at most 64 KiB; an idle connection is closed after 2
// minutes. There is no limit for a whole request or response, because files may be large and lines slow. Instead a
// peer that moves nothing for a minute ([Stall]) is cut off, in either direction: Wrap renews the deadlines while
// bytes move.
package web
