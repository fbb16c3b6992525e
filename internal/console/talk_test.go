package console_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"holdfast/internal/console"
	"holdfast/internal/pgwire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const messageLimit = 1 << 20

func admin() console.Identity { return console.Identity{User: "boss", Admin: true} }
func guest() console.Identity { return console.Identity{User: "eve"} }

// talk sends messages to a new session and returns its answer, a line to a message.
func talk(t *testing.T, id console.Identity, messages ...[]byte) string {
	t.Helper()
	return talkTo(t, console.New(&fakePooler{}, id, console.Options{Version: "0.9"}), messages...)
}

func talkTo(t *testing.T, s *console.Session, messages ...[]byte) string {
	t.Helper()
	var out bytes.Buffer
	r := pgwire.NewReader(bytes.NewReader(bytes.Join(messages, nil)), messageLimit)
	if err := s.Serve(t.Context(), r, &out); err != nil {
		t.Errorf("serve: %v", err)
	}
	return transcript(t, &out)
}

// ask sends one simple query.
func ask(t *testing.T, id console.Identity, sql string) string {
	t.Helper()
	return talk(t, id, query(sql))
}

func query(sql string) []byte                   { return pgwire.AppendQuery(nil, sql) }
func parse(name, sql string) []byte             { return pgwire.AppendParse(nil, name, sql, nil) }
func describe(kind byte, name string) []byte    { return pgwire.AppendDescribe(nil, kind, name) }
func execute(portal string, most uint32) []byte { return pgwire.AppendExecute(nil, portal, most) }
func syncUp() []byte                            { return pgwire.AppendSync(nil) }

func bind(portal, statement string, values ...string) []byte {
	return bindFormats(portal, statement, nil, values...)
}

func bindFormats(portal, statement string, formats []int16, values ...string) []byte {
	var raw [][]byte
	for _, v := range values {
		raw = append(raw, []byte(v))
	}
	return pgwire.AppendBind(nil, portal, statement, nil, raw, formats)
}

// transcript reads backend messages and writes each as a line.
func transcript(t *testing.T, from io.Reader) string {
	t.Helper()
	var lines []string
	r := pgwire.NewReader(from, 1<<30)
	for {
		typ, body, err := r.ReadMessage()
		if errors.Is(err, io.EOF) {
			return strings.Join(lines, "\n")
		}
		if err != nil {
			t.Fatalf("the answer is no message: %v after\n%s", err, strings.Join(lines, "\n"))
		}
		line, err := spell(pgwire.BackendType(typ), body)
		if err != nil {
			t.Fatalf("the answer is malformed: %v", err)
		}
		lines = append(lines, line)
	}
}

func spell(typ pgwire.BackendType, body []byte) (string, error) {
	switch typ {
	case pgwire.ReadyForQuery:
		status, err := pgwire.ParseReady(body)
		return "Ready " + string(status), err
	case pgwire.CommandComplete:
		return "Complete " + string(pgwire.ParseCommandTag(body)), nil
	case pgwire.RowDescription:
		fields, err := pgwire.ParseRowDescription(body)
		var names []string
		for _, f := range fields {
			names = append(names, fmt.Sprintf("%s:%d", f.Name, f.Type))
		}
		return "Columns " + strings.Join(names, " "), err
	case pgwire.DataRow:
		values, err := pgwire.ParseDataRow(body, nil)
		var texts []string
		for _, v := range values {
			if v == nil {
				texts = append(texts, "NULL")
			} else {
				texts = append(texts, string(v))
			}
		}
		return "Row " + strings.Join(texts, "|"), err
	case pgwire.ErrorResponse, pgwire.NoticeResponse:
		n, err := pgwire.ParseNotice(body)
		parts := []string{n.Severity, n.Code, n.Message, n.Detail, n.Hint, n.Position}
		return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " "), err
	case pgwire.ParameterStatus:
		name, value, err := pgwire.ParseParameterStatus(body)
		return fmt.Sprintf("Parameter %s=%s", name, value), err
	case pgwire.ParameterDescription:
		oids, err := pgwire.ParseParameterDescription(body)
		return fmt.Sprint("Parameters ", oids), err
	}
	return typ.String(), nil
}

// contains reports a missing line.
func contains(t *testing.T, answer string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+answer+"\n", "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, answer)
		}
	}
}

// is compares a whole answer.
func is(t *testing.T, answer string, lines ...string) {
	t.Helper()
	if want := strings.Join(lines, "\n"); answer != want {
		t.Errorf("answer:\n%s\nwant:\n%s", answer, want)
	}
}

// begins compares the beginning of an answer.
func begins(t *testing.T, answer, with string) {
	t.Helper()
	if !strings.HasPrefix(answer, with) {
		t.Errorf("answer:\n%s\nwant it to begin with:\n%s", answer, with)
	}
}

var _ console.Source = (*fakePooler)(nil)
