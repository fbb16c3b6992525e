// Command bench measures Holdfast beside its peers, the same work in one run on one machine, and writes docs/numbers.md.
//
// It starts real programs (the holdfast binary, PostgreSQL, PgBouncer, nginx, Caddy, Gunicorn, Redis, versitygw, rclone, git)
// on loopback addresses in a directory of its own and ends them. Rounds go through all programs in turn, so a machine whose speed drifts is fair to
// all; the figure is the median of the rounds, and a ratio is the median of the ratios round by round. Memory is the peak of
// the resident set (VmHWM) of a server's processes, but for the pooler's idle clients, where it is the growth of the set.
//
// Each room writes its own part of the report, with the command, the versions and how busy the machine was with other work.
// A run of one room leaves the other parts as they are.
//
//	make bench                                          everything, about half an hour
//	go run ./bench -only pooler                         one room; PGBOUNCER=/path/to/pgbouncer measures another than Debian's
//	go run ./bench -only pooler -rounds 5 -span 1s      shorter
//	go run ./bench -only assets                         a measurement takes a quarter of -span here, and in edge
//	go run ./bench -quick                               a look; its figures are not for publication
package main
