package census

import (
	"slices"
	"strings"
	"testing"
)

// hasLine reports whether one of the lines says all of it.
func hasLine(lines []string, text string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(line, text) })
}

func codes(a Advice) (all []string) {
	for _, r := range a.Remarks {
		if r.Evidence == "" || r.Consequence == "" || r.Fix == "" {
			all = append(all, r.Code+" (not whole)")
			continue
		}
		all = append(all, r.Code)
	}
	return all
}

// S1-11: SQLAlchemy's 20 + 10 in 17 workers are 510 on 8 cores, more than a usual server has.
func TestTheWorkersOfEightCoresAre510Connections(t *testing.T) {
	t.Parallel()
	a := Advise(Question{
		Role: "journal", Processes: 17, Origin: "given", Each: Pool{20, 30}, Cores: 8, Local: true, Pooler: Pool{4, 30}, Own: 8,
		Server: Server{MaxConnections: 100, Reserved: 3},
	})
	if !hasLine(a.Sum, "17 processes × 30 = 510 on 8 cores") || !hasLine(a.Sum, "17 processes × 20 = 340") ||
		!hasLine(a.Sum, "100 - 3 reserved - 8 for Holdfast - 0 of others = 89") {
		t.Errorf("the sum:\n%s", strings.Join(a.Sum, "\n"))
	}
	if a.AtPeak != 510 || a.Fits || a.Mode != Transaction || a.Holdfast == nil || *a.Holdfast != (Pool{4, 30}) {
		t.Errorf("got %+v", a)
	}
	if got := codes(a); !slices.Equal(got, []string{"max_connections", "untried"}) {
		t.Errorf("remarks: %v", got)
	}
}

// E-09: the manual's numbers are for one process, and its own guide has 20 of them.
func TestTwentyProcessesTakeTheManualsNumbersTwentyTimes(t *testing.T) {
	t.Parallel()
	a := Advise(Question{
		Role: "school", Processes: 20, Origin: "given", Each: Pool{50, 150}, Pooler: Pool{50, 150}, Own: 8,
		Server: Server{MaxConnections: 200, Reserved: 3},
	})
	if !hasLine(a.Sum, "20 processes × 50 = 1,000") || !hasLine(a.Sum, "20 processes × 150 = 3,000") || a.Fits {
		t.Errorf("the sum:\n%s", strings.Join(a.Sum, "\n"))
	}
	if a.Holdfast == nil || *a.Holdfast != (Pool{50, 150}) || a.Mode != Transaction {
		t.Errorf("the pool of 50 to 150 belongs in Holdfast: %+v", a)
	}
	if !hasLine([]string{a.Remarks[0].Fix}, "let the pool of 50 to 150 be Holdfast's") {
		t.Errorf("got %+v", a.Remarks[0])
	}
}

// C-01, S0-14: each mode is advised where it suits, with the reason.
func TestTheModeFollowsFromWhatIsSeen(t *testing.T) {
	t.Parallel()
	f := func(want, reason string, change func(*Question)) {
		t.Helper()
		q := Question{
			Role: "app", Processes: 4, Origin: "counted", Each: Pool{1, 5}, Local: true, Pooler: Pool{4, 40}, Own: 8,
			Server: Server{MaxConnections: 100, Reserved: 3},
		}
		change(&q)
		a := Advise(q)
		if a.Mode != want || !hasLine(a.Why, reason) {
			t.Errorf("got %s because\n%s\nwant %s because of %q", a.Mode, strings.Join(a.Why, "\n"), want, reason)
		}
		if (a.Holdfast == nil) != (a.Mode == Direct) {
			t.Errorf("the pool of Holdfast in mode %s: %+v", a.Mode, a.Holdfast)
		}
	}
	f(Direct, "a pooler adds a hop and nothing", func(q *Question) { q.Processes = 1 })
	f(Session, "PostgreSQL is on another machine", func(q *Question) { q.Processes, q.Local = 1, false })
	f(Session, "2 programs share the role app (celery, web)", func(q *Question) {
		q.Processes, q.Seen = 1, []Connection{{Role: "app", Application: "web"}, {Role: "app", Application: "celery"}}
	})
	f(Session, "the role app is used from 2 addresses (10.0.0.1, 10.0.0.2)", func(q *Question) {
		q.Processes, q.Seen = 1, []Connection{{Role: "app", Address: "10.0.0.1"}, {Role: "app", Address: "10.0.0.2"}, {Role: "x", Address: "10.0.0.3"}}
	})
	f(Session, "the pools of 4 processes add up, and none of them knows of the others (counted)", func(*Question) {})
	f(Session, "direct works as well while all is on one machine: 20 are at most half of the 89", func(*Question) {})
	f(Transaction, "40 clients that stay connected cannot each have one of 10 server connections", func(q *Question) {
		q.Processes, q.Pooler.Max = 8, 10
	})
	f(Session, "keeps its server connection in transaction mode anyway (listen: 2 clients)", func(q *Question) {
		q.Pooler.Max, q.Seen = 10, []Connection{{Role: "app", Mode: Transaction, Pinned: "listen"}, {Role: "app", Mode: Transaction, Pinned: "listen"}}
	})
}

func TestRemarksNameWhatIsSeen(t *testing.T) {
	t.Parallel()
	f := func(want string, change func(*Question)) {
		t.Helper()
		q := Question{Role: "app", Processes: 4, Each: Pool{1, 5}, Local: true, Pooler: Pool{4, 40}, Server: Server{MaxConnections: 100}}
		change(&q)
		if got := strings.Join(codes(Advise(q)), " "); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f("", func(*Question) {})
	f("", func(q *Question) { q.Seen = []Connection{{Role: "app"}} }) // direct does as well
	f("mode", func(q *Question) { q.Local, q.Seen = false, []Connection{{Role: "app"}} })
	f("", func(q *Question) { q.Processes, q.Seen = 1, []Connection{{Role: "app", State: "idle"}} })
	f("idle mode", func(q *Question) {
		q.Local, q.Seen = false, slices.Repeat([]Connection{{Role: "app", State: "idle"}}, 12)
	})
	f("", func(q *Question) { q.Seen = []Connection{{Role: "app", Mode: Session}} })
	f("hidden", func(q *Question) { q.Server.Hidden, q.Seen = true, []Connection{{Role: "other"}} })
	f("session_features mode", func(q *Question) { q.Seen = []Connection{{Role: "app", Mode: Transaction, Pinned: "temporary table"}} })
	f("untried mode", func(q *Question) { q.Pooler.Max, q.Seen = 2, []Connection{{Role: "app", Mode: Session, Prepared: 3}} })
	f("max_connections", func(q *Question) { q.Others = 99 })
	f("max_connections", func(q *Question) { q.RoleLimit = 19 })
	f("", func(q *Question) { q.RoleLimit = 20 })
	f("", func(q *Question) { q.Others, q.Way = 99, Transaction }) // its clients are the pooler's
	f("pool_size untried", func(q *Question) { q.Pooler.Max, q.Way = 10, Session })
	f("", func(q *Question) { q.Pooler.Max, q.Way = 20, Session })
	f("", func(q *Question) { q.Others, q.Server = 99, Server{} }) // of a server that is not known nothing is said
}

func TestNumbersHaveCommas(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
