// Package s3test runs real S3 servers for tests: an independent peer as a child process on a Unix socket, and in front
// of it a proxy on a loopback port that can delay, fail or cut requests. Signatures stay valid, because the proxy keeps
// the Host header. Product code never imports this package.
package s3test
