// Package patroni leads clients through failovers of a real cluster: three PostgreSQL servers under Patroni, which keeps its
// leader in etcd, and the pooler in front of them. The pooler is not told by Patroni who leads; it asks the servers.
//
// Everything runs on the loopback interface on free ports, in a temporary directory, under an unprivileged account, and ends
// with the test: Patroni dies with the test binary, and takes its PostgreSQL along. It holds tests only.
package patroni
