// Package epoll moves bytes between many sockets on one goroutine, with raw non-blocking system calls. Linux only.
package epoll
