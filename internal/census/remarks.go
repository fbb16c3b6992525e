package census

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// tooMany says that the application could open more connections than there are.
func (q Question) tooMany(a Advice) *Remark {
	if cmp.Or(q.Way, Direct) != Direct || q.Server.MaxConnections == 0 || a.AtPeak <= q.room() {
		return nil
	}
	return &Remark{
		Code: "max_connections",
		Evidence: fmt.Sprintf("%s × %d = %s connections at peak, and there are %d for them (max_connections %d)",
			plural(q.Processes, "process", "processes"), q.Each.Max, thousands(a.AtPeak), q.room(), q.Server.MaxConnections),
		Consequence: "what is opened beyond fails with 53300, \"sorry, too many clients already\", at the moment of the most work",
		Fix:         q.remedy(a),
	}
}

// tooManySessions says that more clients could stay connected than there are server connections for them.
func (q Question) tooManySessions(a Advice) *Remark {
	if q.Way != Session || a.AtPeak <= q.Pooler.Max {
		return nil
	}
	return &Remark{
		Code: "pool_size",
		Evidence: fmt.Sprintf("%s × %d = %s clients at peak come in by mode session, and its pool has %d",
			plural(q.Processes, "process", "processes"), q.Each.Max, thousands(a.AtPeak), q.Pooler.Max),
		Consequence: "a client that stays connected keeps its server connection: others wait, and are told after timeout (53300)",
		Fix:         q.remedy(a),
	}
}

func (q Question) remedy(a Advice) string {
	if a.Mode == Direct {
		return fmt.Sprintf("lower the largest size of the application's pool to %d", a.App.Max)
	}
	return fmt.Sprintf("let the pool of %d to %d be Holdfast's ([database.options.pool]), and give each process at most %d (mode = %q)",
		a.Holdfast.Min, a.Holdfast.Max, a.App.Max, a.Mode)
}

// idle says that most of what is open is not used.
func (q Question) idle(a Advice) *Remark {
	open, busy := 0, 0
	for _, c := range q.Seen {
		if c.Role == q.Role && c.Mode == "" && c.State != "" {
			open++
			if c.State != "idle" {
				busy++
			}
		}
	}
	const few = 10 // connections, of which nothing is said
	if a.Mode == Direct || open < few || 4*busy > open || q.directDoes(a) {
		return nil
	}
	return &Remark{
		"idle", fmt.Sprintf("of %d connections of the role %s past the pooler %d are used", open, q.Role, busy),
		"each idle one is a process of the server with memory of its own",
		"let the application come through an endpoint: DATABASE_URL of holdfast env",
	}
}

// pinned lists what clients hold that transaction mode cannot carry, with how many do.
func (q Question) pinned() []string {
	counts := map[string]int{}
	for _, c := range q.Seen {
		if c.Pinned != "" {
			counts[c.Pinned]++
		}
	}
	var all []string
	for reason, n := range counts {
		all = append(all, fmt.Sprintf("%s: %s", reason, plural(n, "client", "clients")))
	}
	slices.Sort(all)
	return all
}

// pins says what transaction mode means for the application.
func (q Question) pins(a Advice) *Remark {
	prepared, sessions := 0, 0
	for _, c := range q.Seen {
		prepared += min(1, c.Prepared)
		if c.Mode == Session {
			sessions++
		}
	}
	pinned := q.pinned()
	switch {
	case len(pinned) > 0:
		return &Remark{
			"session_features", "clients in transaction mode keep their server connection: " + strings.Join(pinned, "; "),
			"they are correct, and cost a connection each as in session mode", "let those programs come through an endpoint with mode = \"session\"",
		}
	case a.Mode != Transaction:
		return nil
	}
	evidence := "no client through an endpoint was seen yet"
	if sessions > 0 {
		evidence = fmt.Sprintf("%s in session mode, where nobody looks for temporary tables, LISTEN or advisory locks", plural(sessions, "client", "clients"))
	}
	if prepared > 0 {
		evidence += fmt.Sprintf("; %s prepared statements, which transaction mode carries", plural(prepared, "client", "clients"))
	}
	return &Remark{
		"untried", evidence, "a program that depends on its session is pinned in transaction mode, and then costs a connection as before",
		"open a second endpoint with mode = \"transaction\", try it, and read SHOW PINS in the console",
	}
}

// hidden says that the server does not tell all.
func (q Question) hidden(Advice) *Remark {
	if !q.Server.Hidden || !slices.ContainsFunc(q.Seen, func(c Connection) bool { return c.Mode == "" && c.State == "" }) {
		return nil
	}
	return &Remark{
		"hidden", "pg_stat_activity hides addresses and states of other roles", "who they are is counted by role and program alone",
		"as a superuser: GRANT pg_read_all_stats TO the role of [database]",
	}
}

// unlike says that the application comes another way than the one that suits.
func (q Question) unlike(a Advice) *Remark {
	ways := map[string]int{}
	for _, c := range q.Seen {
		if c.Role == q.Role {
			ways[cmp.Or(c.Mode, Direct)]++
		}
	}
	if len(ways) == 0 || ways[a.Mode] > 0 || ways[Direct] > 0 && q.directDoes(a) {
		return nil
	}
	var now []string
	for mode, n := range ways {
		now = append(now, fmt.Sprintf("%d by mode %s", n, mode))
	}
	slices.Sort(now)
	return &Remark{
		"mode", fmt.Sprintf("the role %s is connected %s", q.Role, strings.Join(now, ", ")), fmt.Sprintf("mode %s would suit it, for the reasons above", a.Mode),
		fmt.Sprintf("write [[database.endpoints]] with mode = %q, and give the application the DATABASE_URL that holdfast env prints then", a.Mode),
	}
}
