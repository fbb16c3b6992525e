package cluster

import (
	"fmt"
	"strconv"
	"time"
)

// sample is what a server said to one check.
type sample struct {
	system   string    // the cluster's system identifier
	started  time.Time // when the server started; two names with the same time are one server
	recovery bool
	timeline uint32
	lsn      LSN           // primary: flushed; replica: received
	replay   LSN           // replica: replayed
	age      time.Duration // replica: since the last replayed commit, by its own clock; negative: unknown
	paused   bool          // replica: replay is paused
	sent     time.Time     // by our clock: the question
	received time.Time     // and the answer
}

// question is asked of every server, of every version from 13 on. The timeline of a primary is in the name of the WAL file
// that it writes: pg_control_checkpoint learns of a promotion only with the next checkpoint. A replica's is the highest of
// what it received, of its last restart point, and of what it needs to be consistent.
const question = `SELECT r,
	(SELECT system_identifier FROM pg_control_system()),
	(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
	CASE WHEN r THEN (SELECT greatest(
			(SELECT received_tli FROM pg_stat_wal_receiver),
			(SELECT timeline_id FROM pg_control_checkpoint()),
			(SELECT min_recovery_end_timeline FROM pg_control_recovery())))
		ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
	CASE WHEN r THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END,
	CASE WHEN r THEN pg_last_wal_replay_lsn() END,
	CASE WHEN r THEN (extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000000)::bigint END,
	CASE WHEN r THEN pg_is_wal_replay_paused() ELSE false END
FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) AS state`

// answers is the number of columns of question.
const answers = 8

// parseSample reads the row that answers question, nil for NULL.
func parseSample(row [][]byte) (sample, error) {
	if len(row) != answers {
		return sample{}, fmt.Errorf("the server answered with %d columns, want %d", len(row), answers)
	}
	p := parser{}
	s := sample{
		recovery: string(row[0]) == "t", system: string(row[1]),
		started:  time.UnixMicro(p.int(row[2])),
		timeline: uint32(p.int(row[3])),
		lsn:      p.lsn(row[4]), replay: p.lsn(row[5]),
		age: -1, paused: string(row[7]) == "t",
	}
	if row[6] != nil {
		s.age = max(0, time.Duration(p.int(row[6]))*time.Microsecond)
	}
	return s, p.err
}

// parser keeps the first error.
type parser struct{ err error }

func (p *parser) int(text []byte) int64 {
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("the server's answer: %w", err)
	}
	return n
}

// lsn reads a position; a server that has none yet says NULL.
func (p *parser) lsn(text []byte) LSN {
	if text == nil {
		return 0
	}
	l, err := ParseLSN(string(text))
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("the server's answer: %w", err)
	}
	return l
}
