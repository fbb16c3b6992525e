package cluster

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// on reads a host in short: "P2" a primary on timeline 2, "R1" a replica, "-" down, "?" not asked, "P2x" of another cluster,
// "P2=a" the server that started at a, whatever its name.
func on(name, text string) member {
	m := member{host: Host{Name: name}, known: true, up: true}
	m.sample.system, m.sample.started = "own", time.Unix(int64(name[0]), 0)
	switch text[0] {
	case '-':
		m.up, m.err = false, errors.New("refused")
		return m
	case '?':
		m.up = false
		return m
	}
	m.sample.recovery = text[0] == 'R'
	m.sample.timeline = uint32(text[1] - '0')
	if strings.HasSuffix(text, "x") {
		m.sample.system = "other"
	}
	if _, server, ok := strings.Cut(text, "="); ok {
		m.sample.started = time.Unix(int64(server[0]), 0)
	}
	return m
}

func hosts(text string) []member {
	var all []member
	for i, field := range strings.Fields(text) {
		all = append(all, on(string(rune('a'+i)), field))
	}
	return all
}

// S2-06: never a stale primary, never two.
func TestWhoIsThePrimary(t *testing.T) {
	t.Parallel()
	f := func(m memory, text, want string) {
		t.Helper()
		all := hosts(text)
		m.learn(all)
		v := judge(all, m)
		got := "none:"
		if v.primary >= 0 {
			got = all[v.primary].host.Name + ":"
		}
		for i, r := range v.roles {
			got += " " + string(r)
			if (v.why[i] == "") != (r == RolePrimary || r == RoleReplica) {
				t.Errorf("%q: %s is %s because of %q", text, all[i].host.Name, r, v.why[i])
			}
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	f(memory{}, "P1 R1 R1", "a: primary replica replica")
	f(memory{}, "R1 P1", "b: replica primary")
	f(memory{}, "- R1 R1", "none: down replica replica")
	f(memory{}, "P1 P2 R2", "b: stale primary replica")
	f(memory{}, "P1 P2 R1", "b: stale primary stale")
	f(memory{}, "P2 P2 R2", "none: split split replica")
	f(memory{}, "P1 R1 P2 P2", "none: stale stale split split")
	f(memory{}, "P1=s P1=s R1", "a: primary primary replica") // two names of one server
	f(memory{}, "P2=s P2=s P2", "none: split split split")
	f(memory{}, "P1 - R2", "none: stale down replica") // the replica knows of a promotion that we cannot see
	f(memory{}, "P1 R1x R1", "a: primary stranger replica")
	f(memory{}, "P1x R1 R1", "none: stranger replica replica") // two are more than one
	f(memory{}, "P1 P1x", "a: primary stranger")               // the first counts among equals
	f(memory{system: "own"}, "P1x R1x - R1", "none: stranger stranger down replica")
	f(memory{system: "own", timeline: 3, teller: "z"}, "P2 R3", "none: stale replica")
	f(memory{system: "own", timeline: 3, teller: "z"}, "P2 - ?", "none: stale down unknown")
	f(memory{system: "own"}, "P9x P1", "b: stranger primary") // another cluster's timelines do not count
}

func TestAHostIsDownAtOnceOrAfterSomeSilence(t *testing.T) {
	t.Parallel()
	now := time.Now()
	m := member{}
	good := sample{system: "own", started: now, recovery: true, timeline: 2}
	f := func(err error, up bool) {
		t.Helper()
		m.note(now, good, err, 3)
		if m.up != up {
			t.Errorf("after %v: up %v", err, m.up)
		}
	}
	timeout := fmt.Errorf("ask: %w", errTimeout{})
	f(timeout, false) // never seen
	f(nil, true)
	f(timeout, true)
	f(timeout, true)
	f(timeout, false)
	f(timeout, false)
	f(nil, true)
	f(timeout, true)
	f(errors.New("refused"), false)
	f(timeout, false)
	f(nil, true)
	for range 10 {
		f(fmt.Errorf("connect: %w", &pgconn.PgError{Code: "53300"}), true) // it lives
	}
	f(&pgconn.PgError{Code: "57014"}, true) // a statement_timeout
	f(&pgconn.PgError{Code: "57P03"}, false)
	f(&net.DNSError{Err: "server misbehaving", IsTemporary: true}, false)
	f(nil, true)
	f(&net.DNSError{Err: "server misbehaving", IsTemporary: true}, true)
	f(&net.DNSError{Err: "no such host", IsNotFound: true}, false)
	good.timeline = 1 // the receiver is away
	f(nil, true)
	if m.sample.timeline != 2 {
		t.Errorf("timeline %d, want 2", m.sample.timeline)
	}
	good.started = now.Add(time.Second)
	f(nil, true)
	if m.sample.timeline != 1 {
		t.Errorf("timeline of a server that started anew: %d, want 1", m.sample.timeline)
	}
}

type errTimeout struct{}

func (errTimeout) Error() string   { return "i/o timeout" }
func (errTimeout) Timeout() bool   { return true }
func (errTimeout) Temporary() bool { return true }

func TestLagIsTheReplicasAgeWithinWhatThePrimarySays(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	var h history
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	f := func(name string, asked float64, replay LSN, age time.Duration, bytes int64, want time.Duration) {
		t.Helper()
		b, lag := h.lag(sample{sent: at(asked), replay: replay, age: age})
		if b != bytes || lag != want {
			t.Errorf("%s: %d bytes, %s; want %d, %s", name, b, lag, bytes, want)
		}
	}
	f("nothing known", 0, 100, -1, 0, Unknown)
	f("nothing known but its age", 0, 100, time.Hour, 0, time.Hour)
	for i := range 10 {
		h.add(at(float64(i)), LSN(100+10*i))
	}
	f("all replayed", 9.5, 190, 5*time.Second, 0, 0)
	f("what came after the question does not count", 4.5, 140, time.Second, 0, 0)
	f("between two points, by its age", 9.5, 185, 700*time.Millisecond, 5, 700*time.Millisecond)
	f("a clock that is ahead", 9.5, 165, time.Hour, 25, 3500*time.Millisecond)
	f("a clock that is behind", 9.5, 165, 0, 25, 2500*time.Millisecond)
	f("no age", 9.5, 165, -1, 25, 3500*time.Millisecond)
	f("before all we know, by its age", 9.5, 50, time.Minute, 140, time.Minute)
	f("before all we know", 9.5, 50, -1, 140, Unknown)
	f("asked before the first point", -1, 100, time.Second, 0, 0)
	for i := range 3 * historySize {
		h.add(at(float64(10+i)), LSN(200+i))
	}
	if len(h.points) > historySize || len(h.points) < historySize/2 {
		t.Errorf("%d points are kept", len(h.points))
	}
	h.add(at(1e6), 5)
	if len(h.points) != 1 {
		t.Errorf("a position that fell keeps %d points", len(h.points))
	}
}

func TestPositionsAreReadAndWrittenLikePostgreSQLs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"} {
		if l, err := ParseLSN(text); err != nil || l.String() != text {
			t.Errorf("%s: %s, %v", text, l, err)
		}
	}
	for _, text := range []string{"", "1", "1/", "/1", "1/2/3", "x/1", "1/100000000"} {
		if l, err := ParseLSN(text); err == nil {
			t.Errorf("%q is taken for %s", text, l)
		}
	}
}

func TestAConfigurationSaysAllItsMistakes(t *testing.T) {
	t.Parallel()
	c := Config{Name: "main", Hosts: []Host{
		{Address: "a:5432"},
		{Name: "a:5432", Address: "b:5432"},
		{Address: "noport"},
		{Network: "udp", Address: "c:1"},
		{Network: "unix", Address: "/run/postgresql"},
		{Network: "unix", Address: "/run/postgresql/.s.PGSQL.5432"},
	}}
	err := c.Validate()
	for _, want := range []string{
		`cluster "main"`, `"a:5432" stands there twice`, `"noport"`, `"udp" is not one of`, `"/run/postgresql" is not the path`, "no user",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in: %v", want, err)
		}
	}
	if err := (Config{}).Validate(); err == nil || !strings.Contains(err.Error(), "no hosts") {
		t.Errorf("empty: %v", err)
	}
	c = Config{Hosts: []Host{{Address: "a:5432"}}, Monitor: Monitor{User: "m", SSLMode: "verify-full", SSLRootCert: "/nowhere"}}
	if err := c.Validate(); err == nil {
		t.Error("a file of roots that is not there is taken")
	}
	c.Monitor = Monitor{User: "m"}
	if err := c.Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
}
