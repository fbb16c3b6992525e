// Command bench measures Holdfast beside its peers, the same work in one run on one machine, and writes docs/numbers.md.
//
// It starts real programs (the holdfast binary, nginx, versitygw, rclone) on loopback addresses in a directory of its
// own and ends them. Rounds alternate between the programs, so a machine whose speed drifts is fair to both; the figure
// is the median of the rounds, and a ratio is the median of the ratios of neighbouring rounds. Memory is the peak of the
// resident set (VmHWM) of a server's processes.
//
//	make bench            everything, about ten minutes
//	make bench QUICK=1    a look, about two minutes; its figures are not for publication
package main
