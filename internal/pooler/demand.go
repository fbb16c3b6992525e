package pooler

import (
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/postgres"
)

// Demand is how many connections an installation may open to its primary, written out (S0-22, S0-29).
type Demand struct {
	Processes int     // Holdfast processes on the same database
	Shares    []Share // of one process
}

// Share is what one part of a process may open.
type Share struct {
	For   string
	Count int
	Once  bool // for all processes together
}

// Demand returns what is known from the settings: the application's own role, in each class that rules name. Other roles
// and other databases get pools of their own when they first log in, which routes can limit (max_connections).
func (c Config) Demand(db postgres.Config) Demand {
	d := Demand{Processes: max(1, len(c.Peers))}
	o := db.Options.Pool
	d.Shares = append(d.Shares, c.demandDirect(db)...)
	for _, e := range c.Doors() {
		if e.Target == TargetReplica && e.NoReplica == "error" {
			continue // it never opens one to the primary
		}
		size := max(firstOf(e.MaxSize, o.MaxSize), firstOf(e.MinSize, o.MinSize), 1)
		for _, class := range c.classes() {
			name := "endpoint " + e.Listen
			if class != "" {
				name += " for class " + class
			}
			d.Shares = append(d.Shares, Share{For: name, Count: size + c.Limits[class].Reserved})
		}
	}
	d.Shares = append(d.Shares, Share{For: "Holdfast (database.max_connections)", Count: db.MaxConnections})
	return d
}

// classes returns the classes that people can be of; "" is that of people without one.
func (c Config) classes() []string {
	all := []string{""}
	for _, r := range c.Rules {
		all = append(all, r.Class)
	}
	for _, g := range c.Auth.LDAP.Groups {
		all = append(all, g.Class)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Total returns the sum.
func (d Demand) Total() int {
	each, once := 0, 0
	for _, s := range d.Shares {
		if s.Once {
			once += s.Count
		} else {
			each += s.Count
		}
	}
	return d.Processes*each + once
}

// String writes the sum out: "2 processes × (50 for endpoint 127.0.0.1:6432 + 8 for Holdfast) = 116".
func (d Demand) String() string {
	var each, once []string
	for _, s := range d.Shares {
		text := fmt.Sprintf("%d for %s", s.Count, s.For)
		if s.Once {
			once = append(once, text)
		} else {
			each = append(each, text)
		}
	}
	sum := strings.Join(each, " + ")
	if d.Processes > 1 {
		sum = fmt.Sprintf("%d processes × (%s)", d.Processes, sum)
	}
	return fmt.Sprintf("%s = %d", strings.Join(append([]string{sum}, once...), " + "), d.Total())
}
