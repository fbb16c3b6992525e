package pooler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast/internal/postgres"
)

// Chain is the limits of time that a request of one class meets, one after the other, and what is wrong with their order (C-04, S1-79).
type Chain struct {
	Class  string // "": of people without one
	Text   string // "wait for a connection 5s ≤ statement 1m ≤ answer of the application 55s"
	Faults []ChainFault
}

// ChainFault is two limits of which the one that should end first ends last.
type ChainFault struct{ Text, Hint string }

// Chains returns the limits of every class. Answer is how long the web server waits for the application, which counts for the classes that
// the application's own role has; 0: not known.
func (c Config) Chains(db postgres.Config, answer time.Duration) []Chain {
	if len(c.Doors()) == 0 {
		return nil
	}
	own := c.ownClasses(db)
	classes := slices.Concat(c.classes(), slices.Collect(maps.Keys(c.Limits)))
	slices.Sort(classes)
	var all []Chain
	for _, class := range slices.Compact(classes) {
		limit := answer
		if !own[class] {
			limit = 0
		}
		all = append(all, c.chain(db, class, limit))
	}
	return all
}

// ownClasses returns the classes that the application's own role has at the endpoints.
func (c Config) ownClasses(db postgres.Config) map[string]bool {
	own := map[string]bool{}
	t := tuningOf(c, db)
	for _, e := range c.Doors() {
		if class, ok := t.classAt(e, db.Name, db.Username); ok {
			own[class] = true
		}
	}
	return own
}

// wait is how long a request of a class waits for a connection at most, at whichever endpoint.
func (c Config) wait(db postgres.Config, class string) (longest time.Duration) {
	for _, e := range c.Doors() {
		longest = max(longest, firstOf(c.Limits[class].Timeout, e.Timeout, db.Options.Pool.Timeout).D())
	}
	return longest
}

func (c Config) chain(db postgres.Config, class string, answer time.Duration) Chain {
	l, wait := c.Limits[class], c.wait(db, class)
	lock, statement := l.LockTimeout.D(), l.StatementTimeout.D()
	name := "class " + class
	if class == "" {
		name = "people without a class"
	}
	chain := Chain{Class: class, Text: chainText(name, lock, wait, statement, answer)}
	fault := func(broken bool, text, hint string) {
		if broken {
			chain.Faults = append(chain.Faults, ChainFault{name + ": " + text, hint})
		}
	}
	table := fmt.Sprintf("[database.limits.%s]", cmp.Or(class, "CLASS"))
	fault(statement > 0 && wait > statement,
		fmt.Sprintf("a request waits up to %s for a connection, and then its statement may run for %s: whoever asked is gone long before", short(wait), short(statement)),
		"set timeout below statement_timeout in "+table)
	fault(statement > 0 && lock > statement,
		fmt.Sprintf("lock_timeout (%s) is longer than statement_timeout (%s), so it does nothing", short(lock), short(statement)),
		"set lock_timeout below statement_timeout in "+table)
	fault(answer > 0 && statement > 0 && statement >= answer,
		fmt.Sprintf("a statement may run for %s, but the visitor is answered after %s: the query goes on for nobody", short(statement), short(answer)),
		"set statement_timeout below edge.upstream.timeouts.header in "+table+", and give long work a class of its own")
	fault(answer > 0 && wait >= answer,
		fmt.Sprintf("a request waits up to %s for a connection, but the visitor is answered after %s", short(wait), short(answer)),
		"lower timeout of the class, the endpoint or [database.options.pool]")
	return chain
}

// chainText writes the limits in the order in which they are to end.
func chainText(name string, lock, wait, statement, answer time.Duration) string {
	server := func(d time.Duration) string {
		if d == 0 {
			return "as the server says"
		}
		return short(d)
	}
	parts := []string{"wait for a connection " + short(wait), "lock " + server(lock), "statement " + server(statement)}
	if answer > 0 {
		parts = append(parts, "answer to the visitor "+short(answer))
	}
	return name + ": " + strings.Join(parts, ", ")
}

// short writes a time without the parts that are 0.
func short(d time.Duration) string {
	text := d.Round(time.Millisecond).String()
	for _, empty := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, empty) {
			text = text[:len(text)-2]
		}
	}
	return text
}
