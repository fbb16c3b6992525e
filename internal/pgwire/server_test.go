package pgwire

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgtest"
)

// A talk is a raw connection to a real PostgreSQL.
type talk struct {
	t    *testing.T
	conn net.Conn
	r    *Reader
}

func dial(t *testing.T, server *pgtest.PG) *talk {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(server.Host, ".s.PGSQL."+strconv.Itoa(server.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &talk{t, conn, NewReader(conn, 1<<20)}
}

func (c *talk) send(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// until reads up to a message of the type and returns its body; saw lists the messages on the way by name.
func (c *talk) until(want BackendType) (body []byte, saw []string) {
	c.t.Helper()
	for {
		typ, body, err := c.r.ReadMessage()
		if err != nil {
			c.t.Fatalf("wait for %s after %v: %v", want, saw, err)
		}
		if BackendType(typ) == want {
			return body, saw
		}
		if BackendType(typ) == ErrorResponse {
			n, _ := ParseNotice(body)
			saw = append(saw, fmt.Sprintf("%s %s", ErrorResponse, n.Code))
			continue
		}
		saw = append(saw, BackendType(typ).String())
	}
}

// login sends a start-up packet and returns the key data.
func (c *talk) login(user string) (pid uint32, key []byte) {
	c.t.Helper()
	c.send(AppendStartup(nil, Version30, []Param{{"user", user}, {"database", "postgres"}}))
	body, _ := c.until(BackendKeyData)
	pid, key, err := ParseBackendKeyData(body)
	if err != nil {
		c.t.Fatal(err)
	}
	key = bytes.Clone(key)
	c.until(ReadyForQuery)
	return pid, key
}

func TestPostgreSQLTakesTheMessagesOfTheExtendedProtocol(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := dial(t, server)
	c.login(server.User)

	out := AppendParse(nil, "s1", "SELECT $1::int4 + 1 AS sum, $2::text AS word, NULL::text AS gone", []uint32{23})
	out = AppendDescribe(out, TargetStatement, "s1")
	out = AppendBind(out, "p1", "s1", []int16{1, 0}, [][]byte{{0, 0, 0, 41}, []byte("käse")}, []int16{0})
	out = AppendDescribe(out, TargetPortal, "p1")
	out = AppendExecute(out, "p1", 0)
	out = AppendClose(out, TargetPortal, "p1")
	c.send(AppendSync(AppendClose(out, TargetStatement, "s1")))

	body, _ := c.until(ParameterDescription)
	if oids, err := ParseParameterDescription(body); err != nil || fmt.Sprint(oids) != "[23 25]" {
		t.Errorf("parameters: %v, %v", oids, err)
	}
	body, _ = c.until(RowDescription)
	fields, err := ParseRowDescription(body)
	if err != nil || len(fields) != 3 || fields[0].Name != "sum" || fields[0].Type != 23 || fields[1] != TextField("word") {
		t.Errorf("fields: %+v, %v", fields, err)
	}
	body, _ = c.until(DataRow)
	if values, err := ParseDataRow(body, nil); err != nil || string(values[0]) != "42" || string(values[1]) != "käse" || values[2] != nil {
		t.Errorf("values: %q, %v", values, err)
	}
	body, _ = c.until(CommandComplete)
	if tag := ParseCommandTag(body); string(tag) != "SELECT 1" {
		t.Errorf("tag: %q", tag)
	}
	body, saw := c.until(ReadyForQuery)
	if status, err := ParseReady(body); err != nil || status != Idle || fmt.Sprint(saw) != "[CloseComplete CloseComplete]" {
		t.Errorf("status %c, %v after %v", status, err, saw)
	}
}

func TestPostgreSQLTakesLimitsFlushAndCopy(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := dial(t, server)
	c.login(server.User)

	out := AppendParse(nil, "", "SELECT generate_series(1, 3)", nil)
	out = AppendBind(out, "", "", nil, nil, nil)
	c.send(AppendFlush(AppendExecute(out, "", 2)))
	if _, saw := c.until(PortalSuspended); fmt.Sprint(saw) != "[ParseComplete BindComplete DataRow DataRow]" {
		t.Errorf("saw %v", saw)
	}
	c.send(AppendSync(nil))
	c.until(ReadyForQuery)

	c.send(AppendQuery(nil, "CREATE TEMP TABLE t (a text); COPY t FROM STDIN"))
	c.until(CopyInResponse)
	c.send(AppendBare(AppendCopyData(nil, []byte("one\ntwo\n")), FrontendCopyDone))
	body, _ := c.until(CommandComplete)
	if tag := ParseCommandTag(body); string(tag) != "COPY 2" {
		t.Errorf("tag: %q", tag)
	}
	c.until(ReadyForQuery)
	c.send(AppendQuery(nil, "COPY t FROM STDIN"))
	c.until(CopyInResponse)
	c.send(AppendCopyFail(nil, "changed my mind"))
	body, _ = c.until(ErrorResponse)
	if n, err := ParseNotice(body); err != nil || n.Code != "57014" || !strings.Contains(n.Message, "changed my mind") || n.Fatal() {
		t.Errorf("got %+v, %v", n, err)
	}
}

func TestPostgreSQLSendsWhatTheParsersRead(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := dial(t, server)
	c.send(AppendStartup(nil, Version30, []Param{{"user", server.User}, {"database", "postgres"}, {"application_name", "it's me"}}))
	body, _ := c.until(Authentication)
	if a, err := ParseAuthentication(body); err != nil || a.Kind != AuthOK {
		t.Errorf("got %+v, %v", a, err)
	}
	name, value := []byte(nil), []byte(nil)
	for string(name) != "application_name" { // the order is another in each version
		body, _ = c.until(ParameterStatus)
		var err error
		if name, value, err = ParseParameterStatus(body); err != nil {
			t.Fatal(err)
		}
	}
	if string(value) != "it's me" {
		t.Errorf("got %q = %q", name, value)
	}
	c.until(ReadyForQuery)
	c.send(AppendQuery(nil, "LISTEN ch; NOTIFY ch, 'payload'"))
	body, _ = c.until(NotificationResponse)
	if _, channel, payload, err := ParseNotification(body); err != nil || string(channel) != "ch" || string(payload) != "payload" {
		t.Errorf("got %q, %q, %v", channel, payload, err)
	}
	c.until(ReadyForQuery)
	c.send(AppendQuery(nil, "BEGIN; SELECT * FROM nowhere"))
	body, _ = c.until(ErrorResponse)
	if n, err := ParseNotice(body); err != nil || n.Code != "42P01" || n.Severity != "ERROR" || n.Position != "22" || n.Routine == "" {
		t.Errorf("got %+v, %v", n, err)
	}
	body, _ = c.until(ReadyForQuery)
	if status, err := ParseReady(body); err != nil || status != InFailed {
		t.Errorf("status %c, %v", status, err)
	}
	c.send(AppendQuery(nil, "ROLLBACK; DROP TABLE IF EXISTS nowhere"))
	body, _ = c.until(NoticeResponse)
	if n, err := ParseNotice(body); err != nil || n.Severity != "NOTICE" || n.Code != "00000" {
		t.Errorf("got %+v, %v", n, err)
	}
	c.until(ReadyForQuery)
	c.send(AppendQuery(nil, " "))
	c.until(EmptyQueryResponse)
	c.until(ReadyForQuery)
	c.send(AppendTerminate(nil))
	if typ, _, err := c.r.ReadMessage(); err == nil {
		t.Errorf("after Terminate: %s", BackendType(typ))
	}
}

func TestPostgreSQLTakesACancelRequest(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := dial(t, server)
	pid, key := c.login(server.User)
	c.send(AppendQuery(nil, "SELECT pg_sleep(60)"))
	for {
		other := dial(t, server)
		other.send(AppendCancel(nil, pid, key))
		if _, err := other.r.Peek(1); err == nil {
			t.Fatal("a cancel request was answered")
		}
		// The query may not have begun when the request came: ask again.
		if err := c.conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.r.Peek(HeaderSize); err == nil {
			break
		}
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if body, _ := c.until(ErrorResponse); string(NoticeField(body, 'C')) != "57014" {
		t.Errorf("got %q", body)
	}
}

// Trap 12: a version and options to come are answered with what the server knows; the wire has the whole version.
func TestPostgreSQLNegotiatesTheVersion(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	c := dial(t, server)
	c.send(AppendStartup(nil, 3<<16|9999, []Param{{"user", server.User}, {"database", "postgres"}, {"_pq_.test_protocol_negotiation", ""}}))
	typ, body, err := c.r.ReadMessage()
	if err != nil || BackendType(typ) != NegotiateProtocolVersion {
		t.Fatalf("got %s %q, %v", BackendType(typ), body, err)
	}
	minor, unknown, err := ParseNegotiate(body)
	if want := uint32(0); err != nil || server.Major < 18 && minor != want || fmt.Sprint(unknown) != "[_pq_.test_protocol_negotiation]" {
		t.Errorf("got %d, %v, %v", minor, unknown, err)
	}
	if built := AppendNegotiate(nil, minor, unknown); !bytes.Equal(built[HeaderSize:], body) {
		t.Errorf("PostgreSQL sends %q, we would %q", body, built[HeaderSize:])
	}
}

func TestPostgreSQLRefusesTheSamePackets(t *testing.T) {
	t.Parallel()
	server := pgtest.Server(t)
	for name, body := range map[string][]byte{
		"no terminator":        packet(Version30, "user\x00postgres\x00"),
		"bytes behind the end": packet(Version30, "user\x00postgres\x00\x00\x00"),
		"protocol 4":           packet(4<<16, "user\x00postgres\x00\x00"),
	} {
		c := dial(t, server)
		c.send(append(append32(nil, uint32(len(body)+4)), body...))
		got, _ := c.until(ErrorResponse)
		_, err := ParseStartup(body)
		if err == nil || err.(*ProtocolError).SQLState() != string(NoticeField(got, 'C')) {
			t.Errorf("%s: PostgreSQL says %q, we %v", name, got, err)
		}
		if want := NoticeField(got, 'M'); name != "protocol 4" && err.Error() != string(want) {
			t.Errorf("%s: PostgreSQL says %q, we %q", name, want, err)
		}
	}
}
