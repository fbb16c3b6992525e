package cluster

import (
	"testing"
	"time"
)

// BenchmarkPick is what a read transaction pays for the choice of its replica.
func BenchmarkPick(b *testing.B) {
	c := build(Config{Hosts: []Host{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}}}, discard(), nil)
	for i, m := range hosts("P1 R1 R1 R1") {
		m.host = c.config.Hosts[i]
		c.members[i] = m
	}
	c.conclude(time.Now())
	b.ReportAllocs()
	for b.Loop() {
		h, err := c.Pick(Want{})
		if err != nil {
			b.Fatal(err)
		}
		c.Acquire(h.Name)
		c.Done(h.Name)
	}
}
