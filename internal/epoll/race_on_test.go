//go:build race

package epoll_test

// The race detector empties pools at random, so that something has to be allocated.
const pooled = 1
