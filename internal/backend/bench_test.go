package backend_test

import (
	"context"
	"testing"

	"holdfast/internal/backend"
	"holdfast/internal/pgtest"
)

// BenchmarkDead is what a look at a silent session costs before it is lent.
func BenchmarkDead(b *testing.B) {
	s := pgtest.Cluster(b, pgtest.TLS())
	run := func(name string, t backend.Target) {
		b.Run(name, func(b *testing.B) {
			c, err := backend.Dial(context.Background(), t, superuser("postgres"))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			b.ReportAllocs()
			for b.Loop() {
				if c.Dead() {
					b.Fatal(c.Err())
				}
			}
		})
	}
	run("socket", socketOf(s))
	run("tcp", tcpOf(s, nil))
	run("tls", tcpOf(s, &backend.TLSConfig{Mode: backend.TLSRequire}))
}

// BenchmarkCheck is a round trip, BenchmarkDial a whole log-in.
func BenchmarkCheck(b *testing.B) {
	c, err := backend.Dial(context.Background(), socketOf(pgtest.Server(b)), superuser("postgres"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Check(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDial(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		c, err := backend.Dial(context.Background(), socketOf(pgtest.Server(b)), superuser("postgres"))
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}
