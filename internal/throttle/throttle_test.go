package throttle

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/unit"
)

func from(addr, path string) Request {
	return Request{Path: []string{path}, Method: "GET", Addr: netip.MustParseAddr(addr)}
}

// tries returns how many of n requests pass, each ending at once.
func tries(t *Throttle, n int, q Request) int {
	passed := 0
	for range n {
		if leave, _ := t.Enter(context.Background(), q); leave != nil {
			leave()
			passed++
		}
	}
	return passed
}

// S1-45: above the rate one is refused until the time that is told, and neighbours are unaffected.
func TestARateHoldsForEachAddressAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New([]Rule{{Path: "/login", Rate: "10/s", Burst: 5}}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
		q := from("192.0.2.1", "/login")
		if n := tries(l, 20, q); n != 5 {
			t.Errorf("%d of 20 passed at once; want the burst of 5", n)
		}
		leave, refused := l.Enter(t.Context(), q)
		if leave != nil || refused.Retry != 100*time.Millisecond {
			t.Errorf("refused for %s; want 100ms", refused.Retry)
		}
		<-time.After(refused.Retry)
		if n := tries(l, 5, q); n != 1 {
			t.Errorf("%d passed after the time that was told; want 1", n)
		}
		for name, other := range map[string]Request{
			"another address": from("192.0.2.2", "/login"), "another path": from("192.0.2.1", "/"), "exempt": from("10.1.2.3", "/login"),
		} {
			if n := tries(l, 5, other); n != 5 {
				t.Errorf("%s: %d of 5 passed", name, n)
			}
		}
	})
}

// One line has a /64 of IPv6 addresses, and must not have as many rates.
func TestIPv6IsCountedByItsNetwork(t *testing.T) {
	t.Parallel()
	l := New([]Rule{{Path: "/", Rate: "1/h", Burst: 2}}, nil)
	n := 0
	for i := range 50 {
		n += tries(l, 1, from(fmt.Sprintf("2001:db8::%x", i+1), "/"))
	}
	if n != 2 || tries(l, 1, from("2001:db8:0:1::1", "/")) != 1 {
		t.Errorf("%d of 50 neighbours passed; want 2, and another network's first", n)
	}
}

func TestIdentitiesAndRoutesAreCountedForThemselves(t *testing.T) {
	t.Parallel()
	l := New([]Rule{{Path: "/", Rate: "1/h", Burst: 2, By: ByIdentity}}, nil)
	q := from("192.0.2.1", "/")
	for _, who := range []string{"ann", "ben", ""} {
		if q.Identity = who; tries(l, 5, q) != 2 {
			t.Errorf("%q does not have a rate of its own", who)
		}
	}
	l = New([]Rule{{Path: "/export", Rate: "1/h", Burst: 3, By: ByRoute, Methods: []string{"POST"}}}, nil)
	n := 0
	for i := range 10 {
		q := from(fmt.Sprintf("192.0.2.%d", i), "/export/x")
		q.Method = "POST"
		n += tries(l, 1, q)
	}
	if n != 3 || tries(l, 5, from("192.0.2.1", "/export/x")) != 5 {
		t.Errorf("%d POSTs passed; want 3, and all GETs", n)
	}
}

func TestRequestsAtOnceAreBoundedAndTheNextInLineGetsThePlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New([]Rule{{Path: "/", Concurrent: 2, Wait: unit.Duration(time.Second)}}, nil)
		var at, most, passed atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				leave, _ := l.Enter(t.Context(), from("192.0.2.1", "/"))
				if leave == nil {
					return
				}
				defer leave()
				passed.Add(1)
				if n := at.Add(1); n > most.Load() {
					most.Store(n)
				}
				<-time.After(400 * time.Millisecond)
				at.Add(-1)
			})
		}
		all.Wait()
		if most.Load() != 2 || passed.Load() != 6 { // at 0, 0.4 and 0.8 s; the others' second is over then
			t.Errorf("%d at once, %d passed; want 2 and 6", most.Load(), passed.Load())
		}
		if n := len(l.books[0].keys); n != 0 {
			t.Errorf("%d keys are left", n)
		}
	})
}

// A request that one rule refuses has cost the others nothing.
func TestARefusalElsewhereIsPaidBack(t *testing.T) {
	t.Parallel()
	l := New([]Rule{{Path: "/", Rate: "1/h", Burst: 3}, {Path: "/x", Rate: "1/h", Burst: 1}}, nil)
	if n := tries(l, 10, from("192.0.2.1", "/x")); n != 1 {
		t.Errorf("%d passed; want 1", n)
	}
	if n := tries(l, 10, from("192.0.2.1", "/")); n != 2 {
		t.Errorf("%d passed of the wider rule; want the 2 that are left", n)
	}
}

func TestMemoryIsBoundedHoweverManyAddressesCome(t *testing.T) {
	t.Parallel()
	l := New([]Rule{{Path: "/", Rate: "1/h", Burst: 1}}, nil)
	l.books[0].most = 1000
	for i := range 100_000 {
		tries(l, 1, from(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), "/"))
	}
	if n := len(l.books[0].keys); n > 1000 {
		t.Errorf("%d keys are held", n)
	}
}

// Who must not wait takes from the same rates, takes nothing where it is refused, and leaves to Enter whatever is more than a rate by address.
func TestWhoMustNotWaitIsCountedAsEverybodyIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New([]Rule{
			{Path: "/", Rate: "4/h"}, {Path: "/two", Rate: "2/h"}, {Path: "/line", Concurrent: 9}, {Path: "/mine", Rate: "9/h", By: ByIdentity},
		}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
		pass := func(path string, want bool) {
			t.Helper()
			if got := l.Pass(from("192.0.2.1", path)); got != want {
				t.Errorf("%s: %v", path, got)
			}
		}
		pass("/two", true)
		pass("/two", true)
		for range 5 {
			pass("/two", false) // and "/" is paid back each time
			pass("/line", false)
			pass("/mine", false)
		}
		if n := tries(l, 1, from("192.0.2.1", "/x")); n != 1 {
			t.Error("a refusal was not paid back")
		}
		pass("/x", true)
		pass("/x", false)
		if n := tries(l, 1, from("192.0.2.1", "/x")); n != 0 {
			t.Error("Pass and Enter count for themselves")
		}
		if !l.Pass(from("10.1.1.1", "/line")) {
			t.Error("exempt addresses are refused")
		}
	})
}
