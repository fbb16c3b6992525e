package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// interruptible returns a context that ends with the first SIGINT or SIGTERM. The second one does what it does by
// default, however soon it comes: it ends the process. stop gives the signals back, and ends the context.
func interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	got, done := make(chan os.Signal, 2), make(chan struct{})
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(done)
		defer cancel()
		if _, ok := <-got; !ok {
			return
		}
		cancel()
		if s, ok := (<-got).(syscall.Signal); ok {
			signal.Reset(s)
			_ = syscall.Kill(os.Getpid(), s) // to ourselves, which cannot be refused
		}
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(got)
		close(got)
		<-done
	})
}

// hangups takes SIGHUP from its default, which ends the process. Each one calls what serve was given last, once it was given something; stop
// gives the signal back and waits for a call under way.
func hangups() (serve func(f func()), stop func()) {
	got, done := make(chan os.Signal, 1), make(chan struct{})
	next, quit := make(chan func()), make(chan struct{})
	signal.Notify(got, syscall.SIGHUP)
	go func() {
		defer close(done)
		var f func()
		var heard <-chan os.Signal // nil while nobody wants them
		for {
			select {
			case f = <-next:
				heard = got
			case <-heard:
				f()
			case <-quit:
				return
			}
		}
	}()
	return func(f func()) { next <- f }, func() {
		signal.Stop(got)
		close(quit)
		<-done
	}
}
