package main

import (
	"fmt"
	"strconv"
	"strings"
)

// verdict prints whether a bar is met, and remembers what is not.
func (r *report) verdict(what string, v, bar float64, atLeast bool) string {
	sign, met := "≤", v <= bar
	if atLeast {
		sign, met = "≥", v >= bar
	}
	limit := fmt.Sprintf("%s %.1f", sign, bar)
	if met {
		return limit + ", met"
	}
	r.missed = append(r.missed, fmt.Sprintf("%s: %.2f, bar %s", what, v, limit))
	return limit + ", **missed**"
}

// reportTraffic writes the tables of pgbench.
func (b *bench) reportTraffic(doors []*door, all map[load]*runs) {
	tps := table{
		title: "Pooler: transactions a second beside PgBouncer",
		note: fmt.Sprintf("One PostgreSQL on a Unix socket, pools of %d in transaction mode, clients by TCP; TLS, log-in and audit play no part. "+
			"%d rounds; in each the doors take turns, measured for %s, beginning half a second after the last client has connected. The load is, for each N,\n\n    %s\n\n"+
			"with PGSSLMODE=disable, ended by SIGALRM.%s", poolSize, b.rounds, b.span, commandLine(), leftOut(doors)),
		head: []string{"mode", "clients", "direct", "PgBouncer", "Holdfast", "Holdfast / PgBouncer", "bar"},
	}
	cpu := table{
		title: "Pooler: processor time for a transaction",
		note:  "Of the pooler's process (user and system), log-ins excluded.",
		head:  []string{"mode", "clients", "PgBouncer", "Holdfast", "Holdfast / PgBouncer", "bar"},
	}
	delay := table{
		title: "Pooler: latency",
		note:  "In milliseconds, median and 99th percentile of all transactions of a round. Above 20 clients they wait for a server, through any pooler.",
		head:  []string{"mode", "clients", "direct", "PgBouncer", "Holdfast", "99th: Holdfast / PgBouncer", "bar"},
	}
	for _, l := range loads() {
		b.rowsOf(l, all[l], &tps, &cpu, &delay)
	}
	for _, t := range []table{tps, cpu, delay, hop(all)} {
		b.report.add(t)
	}
}

// rowsOf adds one load to the tables.
func (b *bench) rowsOf(l load, r *runs, tps, cpu, delay *table) {
	rates := func(s sample) float64 { return s.tps }
	costs := func(s sample) float64 { return s.cpu }
	tails := func(s sample) float64 { return s.p99 }
	cells := func(print func(door int) string) []string {
		c := []string{l.mode, strconv.Itoa(l.clients)}
		for d := range r {
			if len(r[d]) == 0 {
				c = append(c, "left out")
				continue
			}
			c = append(c, print(d))
		}
		return c
	}
	rate := cells(func(d int) string { return fmt.Sprintf("%.0f", median(r.of(d, rates))) })
	cost := cells(func(d int) string { return fmt.Sprintf("%.1f µs", median(r.of(d, costs))) })
	cost = append(cost[:2], cost[2+peer:]...) // PostgreSQL itself is not weighed
	wait := cells(func(d int) string {
		return fmt.Sprintf("%.2f / %.2f", median(r.of(d, func(s sample) float64 { return s.p50 }))/1e3, median(r.of(d, tails))/1e3)
	})
	if len(r[peer]) == 0 {
		tps.add(append(rate, "", "")...)
		cpu.add(append(cost, "", "")...)
		delay.add(append(wait, "", "")...)
		return
	}
	name := fmt.Sprintf("%s, %s, %d clients", "%s", l.mode, l.clients)
	if l.clients == 1 {
		name = fmt.Sprintf("%s, %s, 1 client", "%s", l.mode)
	}
	bar := barMany
	if l.clients == 1 {
		bar = barOne
	}
	compare := func(pick func(sample) float64, what string, bar float64, atLeast bool) []string {
		v := r.of(ours, pick).over(r.of(peer, pick))
		return []string{ratio(v), b.report.verdict(fmt.Sprintf(name, what), v, bar, atLeast)}
	}
	tps.add(append(rate, compare(rates, "transactions a second", bar, true)...)...)
	cpu.add(append(cost, compare(costs, "processor time", barCPU, false)...)...)
	delay.add(append(wait, compare(tails, "99th percentile", barLatency, false)...)...)
}

// hop is what the way through a pooler costs one client.
func hop(all map[load]*runs) table {
	t := table{
		title: "Pooler: cost of the hop",
		note: "At one client, median latency in microseconds; in brackets what the pooler adds to the way without one. It is paid for every " +
			"round trip, and buys nothing where one process with a pool of its own on the same host is all there is: such an application " +
			"may as well connect to PostgreSQL itself.",
		head: []string{"mode", "direct", "through PgBouncer", "through Holdfast"},
	}
	for _, mode := range modes() {
		r := all[load{mode, 1}]
		middle := func(d int) series { return r.of(d, func(s sample) float64 { return s.p50 }) }
		row := []string{mode, fmt.Sprintf("%.0f", median(middle(direct)))}
		for _, d := range []int{peer, ours} {
			if len(r[d]) == 0 {
				row = append(row, "left out")
				continue
			}
			row = append(row, fmt.Sprintf("%.0f (%+.0f)", median(middle(d)), middle(d).minus(middle(direct))))
		}
		t.add(row...)
	}
	return t
}

// leftOut names the peers that cannot do all of it.
func leftOut(doors []*door) string {
	if doors[peer].modes["prepared"] {
		return ""
	}
	return fmt.Sprintf(" Prepared statements: %s does not know them in transaction mode (1.21 and later do) and is left out; "+
		"PGBOUNCER=/path/to/pgbouncer measures another one.", pgbouncerVersion())
}

// commandLine is pgbench's, with what differs from run to run named.
func commandLine() string {
	args := load{"simple|extended|prepared", 1}.arguments("PORT", "FILE")
	line := "pgbench " + strings.Join(args, " ")
	return strings.Replace(line, "-c 1 -j 1", "-c N -j min(2, N)", 1)
}

// reportCopy writes the table of COPY.
func (b *bench) reportCopy(doors []*door, copies []bulk) {
	t := table{
		title: fmt.Sprintf("Pooler: COPY of %d MB out", copyRows*copyRowBytes/1_000_000),
		note:  "`psql -c '\\copy wide TO /dev/null'`; in brackets the processor time of the pooler's process for all of it.",
		head:  []string{"", "direct", "PgBouncer", "Holdfast", "Holdfast / PgBouncer"},
	}
	row := []string{"speed"}
	for i := range doors {
		cell := fmt.Sprintf("%.0f MB/s", median(copies[i].rates))
		if i != direct {
			cell += fmt.Sprintf(" (%.0f ms)", median(copies[i].cpus))
		}
		row = append(row, cell)
	}
	t.add(append(row, ratio(copies[ours].rates.over(copies[peer].rates)))...)
	b.report.add(t)
}

// reportIdle writes the table of idle clients.
func (b *bench) reportIdle(cases []*idleCase, n int) {
	t := table{
		title: "Pooler: memory for idle clients",
		note: fmt.Sprintf("%d clients that have logged in and asked `SELECT 1` once, on a fresh process each: the growth of its resident "+
			"set for each client, right after the last one's log-in, and so with what Go has yet to collect.", n),
		head: []string{"clients", "PgBouncer", "Holdfast", "bar"},
	}
	for i := 0; i < len(cases); i += 2 {
		name, bar := "plain", barIdle
		if cases[i].secure {
			name, bar = "TLS", barIdleSecure
		}
		theirs, our := cases[i].weight, cases[i+1].weight
		t.add(name, kb(theirs), kb(our), b.report.verdict("KB for an idle client, "+name, our, bar, false))
	}
	b.report.add(t)
}

func kb(v float64) string { return fmt.Sprintf("%.1f KB", v) }
