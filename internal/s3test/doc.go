// Package s3test runs real S3 servers for tests: independent peers as child processes, and in front of each a proxy on a
// loopback port that can delay, fail, cut or change requests and answers. Signatures stay valid, because the proxy keeps
// the Host header. Product code never imports this package.
//
// [Versitygw] starts in milliseconds, so every test has its own. [CephRGW] is a whole Ceph cluster of one monitor, one
// store in memory and one gateway; it takes seconds, so tests share one: they are subtests of the test that starts it.
// docs/stores.md says what each of the two can and cannot do.
//
// Children die with the test binary, also when it is killed, and what they wrote goes with them.
package s3test
