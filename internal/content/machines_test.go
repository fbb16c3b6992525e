package content

import (
	"testing"

	"holdfast/internal/coursegen"
)

// S4-04, E-57: every machine tells the same number of machines that the load of all of them asks for; one that leaves does not count.
func TestTheNumberOfMachinesFollowsTheLoad(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 45, Questions: 1})
	one, two := w.node(func(o *Options) { o.Node = "one" }), w.node(func(o *Options) { o.Node = "two" })
	for _, c := range []*Content{one, two} {
		c.reader().machines.per = 10 // without the loops, which would do the same in their own time
	}
	carry := func(c *Content, leases float64) {
		t.Helper()
		m := c.reader().machines
		m.mu.Lock()
		m.average = leases
		m.mu.Unlock()
		if err := m.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	desired := func(c *Content) int64 { return c.reader().machines.desired.Load() }
	carry(one, 0)
	if n := desired(one); n != 1 {
		t.Errorf("without load %d machines; want 1", n)
	}
	carry(two, 31)
	carry(one, 4)
	if n := desired(one); n != 4 {
		t.Errorf("with 35 leases of 10 each %d machines; want 4", n)
	}
	stopContent(t, two)
	carry(one, 4)
	if n := desired(one); n != 1 {
		t.Errorf("after a machine left: %d machines; want 1", n)
	}
	publish(t, one)
	for range 5 {
		ensure(t, one, "elements")
	}
	m := one.reader().machines
	m.mu.Lock()
	m.average = 0
	m.mu.Unlock()
	for range 300 { // five minutes of samples
		if err := m.sample(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.average < 4 || m.average > 5.01 {
		t.Errorf("5 leases make an average of %.2f", m.average)
	}
}
