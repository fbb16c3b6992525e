//go:build !race

package epoll_test

// pooled is how many allocations a call may make that takes its buffers from pools.
const pooled = 0
