package console

import "time"

// Counters are the figures of SHOW STATS.
type Counters struct {
	ServerAssignments          int64
	Transactions, Queries      int64
	Received, Sent             int64 // bytes from and to clients
	TransactionTime, QueryTime time.Duration
	WaitTime                   time.Duration
	ClientParses, ServerParses int64
	Binds                      int64
	ClientLogins               int64
}

// Average returns what happened between an older reading and this one, as PgBouncer's avg_ columns have it: counts and
// bytes a second, times each (for a transaction, for a query, for an assignment). A period of no length has none.
func (c Counters) Average(old Counters, period time.Duration) Counters {
	if period <= 0 {
		return Counters{}
	}
	rate := func(now, then int64) int64 { return int64(float64(now-then) / period.Seconds()) }
	each := func(now, then time.Duration, n int64) time.Duration {
		if n <= 0 {
			return 0
		}
		return (now - then) / time.Duration(n)
	}
	assigned := c.ServerAssignments - old.ServerAssignments
	return Counters{
		ServerAssignments: rate(c.ServerAssignments, old.ServerAssignments),
		Transactions:      rate(c.Transactions, old.Transactions),
		Queries:           rate(c.Queries, old.Queries),
		Received:          rate(c.Received, old.Received),
		Sent:              rate(c.Sent, old.Sent),
		TransactionTime:   each(c.TransactionTime, old.TransactionTime, c.Transactions-old.Transactions),
		QueryTime:         each(c.QueryTime, old.QueryTime, c.Queries-old.Queries),
		WaitTime:          each(c.WaitTime, old.WaitTime, assigned),
		ClientParses:      rate(c.ClientParses, old.ClientParses),
		ServerParses:      rate(c.ServerParses, old.ServerParses),
		Binds:             rate(c.Binds, old.Binds),
		ClientLogins:      rate(c.ClientLogins, old.ClientLogins),
	}
}

// Add returns the sum of both, of totals of several databases.
func (c Counters) Add(d Counters) Counters {
	return Counters{
		ServerAssignments: c.ServerAssignments + d.ServerAssignments,
		Transactions:      c.Transactions + d.Transactions,
		Queries:           c.Queries + d.Queries,
		Received:          c.Received + d.Received,
		Sent:              c.Sent + d.Sent,
		TransactionTime:   c.TransactionTime + d.TransactionTime,
		QueryTime:         c.QueryTime + d.QueryTime,
		WaitTime:          c.WaitTime + d.WaitTime,
		ClientParses:      c.ClientParses + d.ClientParses,
		ServerParses:      c.ServerParses + d.ServerParses,
		Binds:             c.Binds + d.Binds,
		ClientLogins:      c.ClientLogins + d.ClientLogins,
	}
}

// weighted turns the averages of times back into times, so that averages of several databases can be added.
func (c Counters) weighted() Counters {
	c.TransactionTime *= time.Duration(c.Transactions)
	c.QueryTime *= time.Duration(c.Queries)
	c.WaitTime *= time.Duration(c.ServerAssignments)
	return c
}

// unweighted is the opposite of weighted.
func (c Counters) unweighted() Counters {
	c.TransactionTime /= time.Duration(max(c.Transactions, 1))
	c.QueryTime /= time.Duration(max(c.Queries, 1))
	c.WaitTime /= time.Duration(max(c.ServerAssignments, 1))
	return c
}
