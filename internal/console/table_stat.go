package console

import "time"

// figure is one of the counters under its names: PgBouncer gives the same figure a different name in each table.
type figure struct {
	stats, average string // in SHOW STATS, behind total_ and avg_
	totals         string // in SHOW STATS_TOTALS
	averages       string // in SHOW STATS_AVERAGES
	sum            string // in SHOW TOTALS, behind total_ and avg_
	get            func(Counters) int64
}

func figures() []figure {
	micros := func(d time.Duration) int64 { return d.Microseconds() }
	same := func(name string, get func(Counters) int64) figure { return figure{name, name, name, name, name, get} }
	parse := func(name string, get func(Counters) int64) figure {
		return figure{name, name, name, "avg_" + name, "ps_" + name, get}
	}
	return []figure{
		same("server_assignment_count", func(c Counters) int64 { return c.ServerAssignments }),
		same("xact_count", func(c Counters) int64 { return c.Transactions }),
		same("query_count", func(c Counters) int64 { return c.Queries }),
		{"received", "recv", "bytes_received", "bytes_received", "client_bytes", func(c Counters) int64 { return c.Received }},
		{"sent", "sent", "bytes_sent", "bytes_sent", "server_bytes", func(c Counters) int64 { return c.Sent }},
		same("xact_time", func(c Counters) int64 { return micros(c.TransactionTime) }),
		same("query_time", func(c Counters) int64 { return micros(c.QueryTime) }),
		same("wait_time", func(c Counters) int64 { return micros(c.WaitTime) }),
		parse("client_parse_count", func(c Counters) int64 { return c.ClientParses }),
		parse("server_parse_count", func(c Counters) int64 { return c.ServerParses }),
		parse("bind_count", func(c Counters) int64 { return c.Binds }),
		same("client_login_count", func(c Counters) int64 { return c.ClientLogins }),
	}
}

// statTable has a column for each figure under the name that it has in one of the tables.
func statTable(parts ...func(figure) (name string, of func(Stat) Counters)) table[Stat] {
	t := table[Stat]{text("database", func(s Stat) string { return s.Database })}
	for _, part := range parts {
		for _, f := range figures() {
			name, of := part(f)
			t = append(t, total(name, func(s Stat) int64 { return f.get(of(s)) }))
		}
	}
	return t
}

func totalOf(s Stat) Counters   { return s.Total }
func averageOf(s Stat) Counters { return s.Average }

func statsTable() table[Stat] {
	return statTable(
		func(f figure) (string, func(Stat) Counters) { return "total_" + f.stats, totalOf },
		func(f figure) (string, func(Stat) Counters) { return "avg_" + f.average, averageOf })
}

func statsTotalsTable() table[Stat] {
	return statTable(func(f figure) (string, func(Stat) Counters) { return f.totals, totalOf })
}

func statsAveragesTable() table[Stat] {
	return statTable(func(f figure) (string, func(Stat) Counters) { return f.averages, averageOf })
}

// sum is a row of SHOW TOTALS.
type sum struct {
	name  string
	value int64
}

func totalsTable() table[sum] {
	return table[sum]{
		text("name", func(s sum) string { return s.name }),
		total("value", func(s sum) int64 { return s.value }),
	}
}

// sums adds up all databases. Times of averages are weighted by what they are the average of.
func sums(stats []Stat) []sum {
	var all, average Counters
	for _, s := range stats {
		all = all.Add(s.Total)
		average = average.Add(s.Average.weighted())
	}
	average = average.unweighted()
	var out []sum
	for _, f := range figures() {
		out = append(out, sum{"total_" + f.sum, f.get(all)})
	}
	for _, f := range figures() {
		out = append(out, sum{"avg_" + f.sum, f.get(average)})
	}
	return out
}
