package census

import (
	"fmt"
	"slices"
	"strings"
)

// The modes, as the configuration has them.
const (
	Direct      = "direct"
	Session     = "session"
	Transaction = "transaction"
)

// Pool is how many connections are kept open, and how many there may be.
type Pool struct {
	Min int `json:"min_size"`
	Max int `json:"max_size"`
}

// Question is what is known of an application.
type Question struct {
	Role      string
	Processes int
	Origin    string // of that number: "given", "counted", or a rule of thumb
	Each      Pool   // of one process
	Cores     int
	Local     bool   // PostgreSQL is on this machine
	Way       string // the mode that it comes by as configured; "" is direct
	Pooler    Pool   // Holdfast's own, of an endpoint
	Own       int    // what Holdfast opens for itself
	Server    Server // zero: not known
	Others    int    // connections that other roles hold
	RoleLimit int    // connections that the role may have; 0: no limit of its own
	Seen      []Connection
}

// Advice is the answer.
type Advice struct {
	Sum      []string `json:"sum"` // the products, written out
	AtRest   int      `json:"at_rest"`
	AtPeak   int      `json:"at_peak"`
	Fits     bool     `json:"fits"` // into what there is, by the way that is configured
	Mode     string   `json:"mode"` // that suits
	Why      []string `json:"why"`
	App      Pool     `json:"app"`      // the pool that belongs in each process of the application
	Holdfast *Pool    `json:"holdfast"` // the one that belongs here; null in direct mode
	Remarks  []Remark `json:"remarks"`
}

// Remark is something to know, with what it is based on, what follows, and what to do.
type Remark struct {
	Code        string `json:"code"` // stable
	Evidence    string `json:"evidence"`
	Consequence string `json:"consequence"`
	Fix         string `json:"fix"`
}

// Advise answers the question.
func Advise(q Question) Advice {
	a := Advice{AtRest: q.Processes * q.Each.Min, AtPeak: q.Processes * q.Each.Max, Fits: true, Remarks: []Remark{}}
	a.Sum = q.sum(a)
	a.Mode, a.Why = q.mode(a)
	q.place(&a)
	for _, look := range []func(Advice) *Remark{q.tooMany, q.tooManySessions} {
		if r := look(a); r != nil {
			a.Fits = false
			a.Remarks = append(a.Remarks, *r)
		}
	}
	for _, look := range []func(Advice) *Remark{q.idle, q.pins, q.hidden, q.unlike} {
		if r := look(a); r != nil {
			a.Remarks = append(a.Remarks, *r)
		}
	}
	return a
}

// room returns how many connections of the server are there for the application.
func (q Question) room() int {
	free := q.Server.Allowed() - q.Own - q.Others
	if q.RoleLimit > 0 {
		return min(free, q.RoleLimit)
	}
	return free
}

// sum writes the products out.
func (q Question) sum(a Advice) []string {
	of := fmt.Sprintf("%s × ", plural(q.Processes, "process", "processes"))
	on := ""
	if q.Cores > 0 {
		on = fmt.Sprintf(" on %s", plural(q.Cores, "core", "cores"))
	}
	lines := []string{
		fmt.Sprintf("at rest          %s%d = %s", of, q.Each.Min, thousands(a.AtRest)),
		fmt.Sprintf("at peak          %s%d = %s%s", of, q.Each.Max, thousands(a.AtPeak), on),
	}
	if s := q.Server; s.MaxConnections > 0 {
		lines = append(lines, fmt.Sprintf("max_connections  %d - %d reserved - %d for Holdfast - %d of others = %d",
			s.MaxConnections, s.Reserved, q.Own, q.Others, s.Allowed()-q.Own-q.Others))
	}
	if q.RoleLimit > 0 {
		lines = append(lines, fmt.Sprintf("max_size         %d for the role %s", q.RoleLimit, q.Role))
	}
	return lines
}

// mode chooses, and says why.
func (q Question) mode(a Advice) (string, []string) {
	shared := q.shared()
	if q.Processes <= 1 && q.Local && len(shared) == 0 {
		return Direct, []string{"one process on the machine of the database has a pool of its own already: a pooler adds a hop and nothing that the process does not know itself"}
	}
	var why []string
	if q.Processes > 1 {
		why = append(why, fmt.Sprintf("the pools of %d processes add up, and none of them knows of the others (%s)", q.Processes, q.Origin))
	}
	if !q.Local {
		why = append(why, "PostgreSQL is on another machine: opening a connection there, with TLS and a log-in, is what a pool nearby saves")
	}
	why = append(why, shared...)
	if q.directDoes(a) {
		why = append(why, fmt.Sprintf("direct works as well while all is on one machine: %s are at most half of the %d that are free", thousands(a.AtPeak), q.room()))
	}
	switch pinned := q.pinned(); {
	case a.AtPeak <= q.Pooler.Max:
		return Session, append(why, fmt.Sprintf("session: each of %s clients can have a server connection of the %d, so everything works as with PostgreSQL itself", thousands(a.AtPeak), q.Pooler.Max))
	case len(pinned) > 0:
		return Session, append(why, fmt.Sprintf("session: what was seen keeps its server connection in transaction mode anyway (%s); let processes open connections for each request", strings.Join(pinned, "; ")))
	}
	return Transaction, append(why, fmt.Sprintf("transaction: %s clients that stay connected cannot each have one of %d server connections, but mostly they wait", thousands(a.AtPeak), q.Pooler.Max))
}

// directDoes reports whether several processes may as well connect directly: on one machine, with much room.
func (q Question) directDoes(a Advice) bool {
	return q.Processes > 1 && q.Local && len(q.shared()) == 0 && q.Server.MaxConnections > 0 && 2*a.AtPeak <= q.room()
}

// shared tells what says that the role is used from several places.
func (q Question) shared() []string {
	var addresses, programs []string
	for _, c := range q.Seen {
		if c.Role != q.Role {
			continue
		}
		if c.Address != "" && !slices.Contains(addresses, c.Address) {
			addresses = append(addresses, c.Address)
		}
		if c.Application != "" && !slices.Contains(programs, c.Application) {
			programs = append(programs, c.Application)
		}
	}
	var why []string
	if len(addresses) > 1 {
		slices.Sort(addresses)
		why = append(why, fmt.Sprintf("the role %s is used from %d addresses (%s)", q.Role, len(addresses), short(addresses)))
	}
	if len(programs) > 1 {
		slices.Sort(programs)
		why = append(why, fmt.Sprintf("%d programs share the role %s (%s): a cap for each keeps one from taking all", len(programs), q.Role, short(programs)))
	}
	return why
}

// place says which pool belongs where.
func (q Question) place(a *Advice) {
	switch a.Mode {
	case Direct:
		a.App = q.Each
		if room := q.room(); q.Server.MaxConnections > 0 && a.App.Max > room {
			a.App.Max = max(1, room)
		}
		a.App.Min = min(a.App.Min, a.App.Max)
	case Session:
		a.Holdfast = &Pool{q.Pooler.Min, q.Pooler.Max}
		a.App = Pool{0, max(1, q.Pooler.Max/max(1, q.Processes))}
	default:
		a.Holdfast = &Pool{q.Pooler.Min, q.Pooler.Max}
		a.App = Pool{min(1, q.Each.Max), q.Each.Max} // an idle one costs nothing
	}
}

// short joins a few names, and says how many more there are.
func short(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(n) + " " + many
}

// thousands prints a number with commas: 1,000.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
