package pgauth_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
	"holdfast/internal/scram"
	"holdfast/internal/unit"
)

func TestWhoFailsTooOftenHasToWaitLongerEachTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := settings(pgauth.Rule{})
		c.Auth.MaxFailures, c.Auth.FailureWait = 3, unit.Duration(5*time.Second)
		b := start(t, c)
		for _, user := range []string{"app", "unknown"} { // nobody learns from the waits who exists
			for range 2 {
				b.fails(t, remote(user), "")
			}
			for _, wait := range []int{1, 2, 4, 5, 5} {
				b.fails(t, remote(user), "")
				b.fails(t, remote(user), fmt.Sprintf("Try again in %d seconds.", wait+1))
				time.Sleep(time.Duration(wait) * time.Second) // fake time
			}
		}
		b.login(t, remote("app"), "app-secret")
		b.fails(t, remote("app"), "") // and all is forgotten
	})
}

// fails logs in with a wrong password. With a hint it must be refused unseen, with the hint; without, looked at.
func (b *bench) fails(t testing.TB, at pgauth.Attempt, hint string) {
	t.Helper()
	_, err := b.attempt(t, at, "wrong")
	var d *pgauth.Denied
	if !errors.As(err, &d) || (fault.CodeOf(err) == "auth_throttled") != (hint != "") || hint != "" && d.Hint != hint {
		t.Errorf("log in as %q: %v, %+v; want the hint %q", at.User, err, d, hint)
	}
}

func TestOnlyTheUserAtTheAddressHasToWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := settings(pgauth.Rule{})
		c.Auth.MaxFailures = 1
		b := start(t, c)
		at := func(address string) pgauth.Attempt {
			a := remote("app")
			a.Address = netip.MustParseAddr(address)
			return a
		}
		b.fails(t, at("2001:db8::1"), "")
		b.refused(t, at("2001:db8::1"), "app-secret", "auth_throttled") // even the right one
		b.refused(t, at("2001:db8::2"), "app-secret", "auth_throttled") // the same network of one customer
		b.login(t, at("2001:db8:0:1::1"), "app-secret")
		b.login(t, at("192.0.2.7"), "app-secret")
		b.login(t, pgauth.Attempt{User: "app", Database: "app"}, "app-secret")
		b.fails(t, at("192.0.2.8"), "")
		b.refused(t, at("::ffff:192.0.2.8"), "app-secret", "auth_throttled")
	})
}

func TestTheMemoryOfFailuresIsBounded(t *testing.T) {
	t.Parallel()
	c := settings(pgauth.Rule{})
	c.Auth.MaxFailures = 1
	b := start(t, c)
	for i := range 10_500 {
		d, err := b.Decide(t.Context(), remote(fmt.Sprintf("user%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Finish(scram.ErrProof); !strings.Contains(err.Error(), "not known") {
			t.Fatal(err)
		}
	}
	if n := b.Throttled(); n != 10_000 {
		t.Errorf("%d failures remembered; want 10000", n)
	}
}

func TestABrokenExchangeIsNoFailure(t *testing.T) {
	t.Parallel()
	c := settings(pgauth.Rule{})
	c.Auth.MaxFailures = 1
	b := start(t, c)
	for range 3 {
		d, err := b.Decide(t.Context(), remote("app"))
		if err != nil {
			t.Fatal(err)
		}
		if err := denied(t, d.Finish(errors.New("connection reset"))); fault.CodeOf(err) != "auth_aborted" {
			t.Errorf("%v; want auth_aborted", err)
		}
		if err := d.Finish(nil); err == nil {
			t.Error("a second end of the same exchange lets in")
		}
	}
	b.login(t, remote("app"), "app-secret")
}
