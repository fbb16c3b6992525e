package pooler

import (
	"fmt"
	"math"

	"holdfast/internal/fault"
	"holdfast/internal/pool"
)

// limitOf returns how many connections a role of the server may have by all pools together, 0 for no limit.
func (t *tuning) limitOf(user string) int {
	return firstOf(t.users[user].MaxConnections, t.userLimit)
}

// unlimited is the size of a budget that limits nothing: it may be limited while the pools run.
const unlimited = math.MaxInt32

// userBudget returns what the pools of a role share. Callers hold mu.
func (p *Pooler) userBudget(user string) *pool.Budget {
	b := p.users[user]
	if b == nil {
		t := p.tuned.Load()
		b = pool.NewBudget("user "+user, firstOf(t.limitOf(user), unlimited), reserveOf(t.limits))
		p.users[user] = b
	}
	return b
}

// resize gives the budgets that several pools share their sizes, and administrators their connections beyond them. Callers hold mu.
func (p *Pooler) resize() {
	t := p.tuned.Load()
	reserved := reserveOf(t.limits)
	for _, r := range p.routes() {
		if r.budget != nil {
			r.budget.Resize(firstOf(t.routes[r.pattern].MaxConnections, unlimited), reserved)
		}
	}
	for user, b := range p.users {
		b.Resize(firstOf(t.limitOf(user), unlimited), reserved)
	}
	for key, b := range p.senders {
		b.Resize(p.walsendersOf(key), 0)
	}
}

// isCapped reports whether the pools of a role to a route cannot all have the connections that they are to have beforehand: nobody can wait
// for that.
func (p *Pooler) isCapped(g *group, least int) bool {
	t := p.tuned.Load()
	for _, limit := range []int{t.routes[g.route.pattern].MaxConnections, t.limitOf(g.key.user)} {
		if limit > 0 && limit < least*len(p.endpoints) {
			return true
		}
	}
	return false
}

// userProblems refuses numbers that cannot be.
func (c Config) userProblems() fault.Problems {
	var p fault.Problems
	if c.FastPercent < 0 || c.FastPercent > 100 {
		p.Add("fast_percent", "write how many of a hundred queries are to be fast; 0 asks for nothing", "%d is no percentage", c.FastPercent)
	}
	for class, l := range c.Limits {
		if l.FastPercent < -1 || l.FastPercent > 100 {
			p.Add("limits."+class+".fast_percent", "write how many of a hundred queries are to be fast; -1 asks for nothing", "%d is no percentage", l.FastPercent)
		}
	}
	if c.MaxUserConnections < 0 {
		p.Add("max_user_connections", "write how many connections one user may have; 0 sets no limit", "%d is less than 0", c.MaxUserConnections)
	}
	for name, u := range c.Users {
		if u.MaxConnections < 1 {
			p.Add(fmt.Sprintf("users.%s.max_connections", name), "write how many connections the user may have, or remove the table", "%d is less than 1", u.MaxConnections)
		}
	}
	return p
}
