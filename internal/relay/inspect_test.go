package relay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast/internal/pgwire"
)

// inspection asks a session what it has that the next client must not find: one row for each thing. PostgreSQL calls a setting the
// session's also when it was reset and then set for the rest of the transaction.
const inspection = `SELECT 'statement ' || name FROM pg_prepared_statements
UNION ALL SELECT 'cursor ' || name FROM pg_cursors WHERE is_holdable
UNION ALL SELECT 'channel ' || pg_listening_channels()
UNION ALL SELECT 'lock ' || objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
UNION ALL SELECT 'table ' || relname FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relkind = 'r'
UNION ALL SELECT 'setting ' || name || '=' || setting FROM pg_settings WHERE source = 'session' AND setting IS DISTINCT FROM reset_val`

// inspect compares what a server session has with what the relay believes. The server must be settled.
func (l *line) inspect() error {
	have, err := l.rows(inspection)
	if err != nil {
		return err
	}
	l.relay.unnamed, l.relay.standing = 0, 0 // a simple query takes it away
	var want []string
	for st := range l.relay.statements.byName {
		want = append(want, "statement "+st.Name)
	}
	for _, a := range l.relay.settings.all() {
		want = append(want, "setting "+a.Name)
	}
	for _, thing := range have {
		name, _, _ := strings.Cut(thing, "=")
		kind, rest, _ := strings.Cut(name, " ")
		switch {
		case slices.Contains(want, name):
		case kind == "statement" && (rest == refused || rest == spare):
		case kind == "setting" && l.relay.params.Reports(rest):
		default:
			return fmt.Errorf("%s has %q, and the relay does not know it", l.name, thing)
		}
	}
	for _, w := range want {
		if strings.HasPrefix(w, "statement ") && !slices.Contains(have, w) {
			return fmt.Errorf("%s does not have %q", l.name, w)
		}
	}
	return nil
}

// rows runs a query on a settled server without the relay, and returns its first column.
func (l *line) rows(sql string) (rows []string, err error) {
	l.send(pgwire.AppendQuery(nil, sql))
	var in []byte
	for {
		for len(in) >= pgwire.HeaderSize {
			typ, size, err := pgwire.Header(in)
			if err != nil || len(in) < size {
				break
			}
			body := in[pgwire.HeaderSize:size]
			switch pgwire.BackendType(typ) {
			case pgwire.DataRow:
				values, err := pgwire.ParseDataRow(body, nil)
				if err != nil {
					return nil, err
				}
				rows = append(rows, string(values[0]))
			case pgwire.ErrorResponse:
				return nil, fmt.Errorf("inspect: %s", body)
			case pgwire.ReadyForQuery:
				return rows, nil
			}
			in = in[size:]
		}
		select {
		case b, ok := <-l.reads:
			if !ok {
				return nil, fmt.Errorf("%s went away", l.name)
			}
			in = append(in, b...)
		case <-time.After(patience):
			return nil, fmt.Errorf("%s does not answer", l.name)
		}
	}
}
