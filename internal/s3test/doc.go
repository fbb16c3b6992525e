// Package s3test runs real S3 servers for tests: independent peers as child processes, and in front of each a proxy on a
// loopback port that can delay, fail, cut or change requests and answers. Signatures stay valid, because the proxy keeps
// the Host header. Product code never imports this package.
//
// [Versitygw] starts in milliseconds, so every test has its own. [CephRGW] is a whole Ceph cluster of one monitor, one
// store in memory and one gateway; it takes seconds, so tests share one: they are subtests of the test that starts it, each
// behind a [Server.Door] of its own.
// docs/stores.md says what each of the two can and cannot do.
//
// Children die with the test binary, also when it is killed. What they wrote goes with the test, or with the next one that
// starts a server.
package s3test
