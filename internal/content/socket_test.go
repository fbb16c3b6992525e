package content

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/fault"
)

// S4-21, S4-37: an application asks through the socket; its lease hangs on its connection, and dies with it, also when the
// application is killed. The kernel says who holds it.
func TestALeaseDiesWithTheProcessThatHoldsIt(t *testing.T) {
	t.Parallel()
	w, course := newNodes(t, coursegen.Options{Seed: 11, Questions: 3})
	c := w.node()
	publish(t, c)
	app := spawn(t, order{Role: "app", Socket: c.cfg().Socket, Want: []string{"render:" + course.Questions()[0]}})
	all := mustCall[ShowAnswer](t, c.cfg().Socket, "show", ShowRequest{Source: "course"}).Leases
	if len(all) != 1 || all[0].Lease != app.first || int(all[0].PID) != app.cmd.Process.Pid || all[0].Kind != LeaseConnection {
		t.Fatalf("leases %+v; the process %d says %q", all, app.cmd.Process.Pid, app.first)
	}
	app.kill()
	within(t, 5*time.Second, func() (bool, string) {
		return stats(t, c).Leases == 0, "the lease of the dead process is held"
	})
}

// A lease with a time needs no connection, may be renewed, and ends by itself or when it is released.
func TestALeaseWithATimeOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 12, Questions: 2})
	c := w.node()
	publish(t, c)
	q := EnsureRequest{Source: "course", Want: []string{"elements"}, Lease: LeaseTTL, TTL: span(time.Minute)}
	a := mustCall[EnsureAnswer](t, c.cfg().Socket, "ensure", q)
	if stats(t, c).Leases != 1 {
		t.Error("the lease ended with the connection that asked for it")
	}
	if r := mustCall[LeaseAnswer](t, c.cfg().Socket, "renew", LeaseRequest{Lease: a.Lease, TTL: span(time.Hour)}); !r.Held {
		t.Error("not renewed")
	}
	if r := mustCall[LeaseAnswer](t, c.cfg().Socket, "release", LeaseRequest{Lease: a.Lease}); !r.Held || stats(t, c).Leases != 0 {
		t.Error("not released")
	}
	if r := mustCall[LeaseAnswer](t, c.cfg().Socket, "release", LeaseRequest{Lease: a.Lease}); r.Held {
		t.Error("released twice")
	}
	q.TTL = span(50 * time.Millisecond)
	mustCall[EnsureAnswer](t, c.cfg().Socket, "ensure", q)
	within(t, 5*time.Second, func() (bool, string) { return stats(t, c).Leases == 0, "a lease outlived its time" })
	q.Lease = LeaseNone
	if a := mustCall[EnsureAnswer](t, c.cfg().Socket, "ensure", q); a.Lease != "" || stats(t, c).Leases != 0 {
		t.Error("a lease that nobody wanted")
	}
}

// The socket lets in the group that the configuration names, nobody else; without a group only this account. What removes
// things is not offered there.
func TestTheSocketIsForTheGroupAlone(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 13, Questions: 1})
	mode := func(c *Content) os.FileMode {
		t.Helper()
		info, err := os.Stat(c.cfg().Socket)
		if err != nil {
			t.Fatal(err)
		}
		return info.Mode().Perm()
	}
	if m := mode(w.node()); m != 0o600 {
		t.Errorf("without a group the socket has mode %o", m)
	}
	c := w.node(func(o *Options) { o.Config.Group = "nogroup" })
	if m := mode(c); m != 0o660 {
		t.Errorf("with a group the socket has mode %o", m)
	}
	for _, verb := range []string{"gc", "purge", "scrub"} {
		if _, err := call[control.Empty](t, c.cfg().Socket, verb, control.Empty{}); fault.CodeOf(err) != "bad_answer" {
			t.Errorf("%s on the application's socket: %v", verb, err)
		}
	}
	o := w.options(func(o *Options) { o.Config.Group = "no-such-group" })
	if _, err := New(o); fault.KindOf(err) != fault.Config || fault.HintOf(err) == "" {
		t.Errorf("an unknown group: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(o.Config.Socket)); err != nil {
		t.Error(err)
	}
}

// Section 6 of the design: a warm call through the socket takes 150 µs at the median, with one kept connection.
func BenchmarkWarmEnsureBySocket(b *testing.B) {
	w, course := newNodes(b, coursegen.Options{Seed: 14, Questions: 40})
	c := w.node(func(o *Options) { o.Log = quietLog() })
	publish(b, c)
	client := keptClient(b, c.cfg().Socket)
	body, err := json.Marshal(EnsureRequest{Source: "course", Want: []string{"render:" + course.Questions()[0]}, Lease: LeaseNone})
	if err != nil {
		b.Fatal(err)
	}
	ask := func() {
		resp, err := client.Post("http://holdfast/v1/content/ensure", "application/json", bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		var a EnsureAnswer
		err = json.NewDecoder(resp.Body).Decode(&a)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			b.Fatal(resp.Status, err)
		}
	}
	ask()
	took := make([]time.Duration, 0, 1<<16)
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		ask()
		took = append(took, time.Since(began))
	}
	b.ReportMetric(float64(median(took))/1e3, "p50-µs")
}

// BenchmarkWarmEnsure is the same without the socket.
func BenchmarkWarmEnsure(b *testing.B) {
	w, course := newNodes(b, coursegen.Options{Seed: 14, Questions: 40})
	c := w.node(func(o *Options) { o.Log = quietLog() })
	publish(b, c)
	q := EnsureRequest{Source: "course", Want: []string{"render:" + course.Questions()[0]}, Lease: LeaseNone}
	if _, err := c.Ensure(b.Context(), q); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Ensure(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}
