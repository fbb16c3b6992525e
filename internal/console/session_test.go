package console_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"holdfast/internal/console"
	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
)

func TestASimpleQueryGetsRowsAndIsReady(t *testing.T) {
	t.Parallel()
	is(t, ask(t, guest(), "show users;"),
		"Columns name:25 pool_size:25 reserve_pool_size:25 pool_mode:25 max_user_connections:23 current_connections:23 "+
			"max_user_client_connections:23 current_client_connections:23",
		"Row u|7|NULL|NULL|0|0|0|0", "Row v|NULL|NULL|NULL|0|0|0|0", "Complete SHOW", "Ready I")
}

func TestSeveralCommandsInOneQueryRunInOrderUntilOneFails(t *testing.T) {
	t.Parallel()
	f := &fakePooler{}
	s := console.New(f, admin(), console.Options{})
	is(t, talkTo(t, s, query("pause; resume a; kill pgbouncer; enable b")),
		"Complete PAUSE", "Complete RESUME", "ERROR 55000 KILL cannot be used on the console itself: pgbouncer", "Ready I")
	if got := fmt.Sprint(f.told()); got != "[pause  resume a]" {
		t.Errorf("the pooler was told %s", got)
	}
}

func TestNothingRunsUnlessAllIsUnderstood(t *testing.T) {
	t.Parallel()
	f := &fakePooler{}
	answer := talkTo(t, console.New(f, admin(), console.Options{}), query("pause; nonsense"))
	begins(t, answer, `ERROR 42601 syntax error at or near "nonsense"`)
	if len(f.told()) != 0 {
		t.Errorf("the pooler was told %v", f.told())
	}
}

func TestAnEmptyQueryIsAnsweredAsOne(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{"", ";", " ;; ", "-- ping", "/* a /* b */ */"} {
		is(t, ask(t, guest(), sql), "EmptyQueryResponse", "Ready I")
	}
	is(t, talk(t, guest(), parse("", ""), bind("", ""), describe('P', ""), execute("", 0), syncUp()),
		"ParseComplete", "BindComplete", "NoData", "EmptyQueryResponse", "Ready I")
}

func TestTheExtendedProtocolShowsATable(t *testing.T) {
	t.Parallel()
	is(t, talk(t, guest(), parse("s", "SHOW STATE"), describe('S', "s"), bind("p", "s"), describe('P', "p"), execute("p", 0), syncUp()),
		"ParseComplete", "Parameters []", "Columns key:25 value:25", "BindComplete", "Columns key:25 value:25",
		"Row active|no", "Row paused|yes", "Row suspended|no", "Complete SHOW", "Ready I")
}

func TestAPortalIsFetchedInParts(t *testing.T) {
	t.Parallel()
	is(t, talk(t, guest(), parse("", "SHOW STATE"), bind("p", ""), execute("p", 2), execute("p", 2), execute("p", 1), syncUp()),
		"ParseComplete", "BindComplete", "Row active|no", "Row paused|yes", "PortalSuspended", "Row suspended|no", "Complete SHOW", "Complete SHOW", "Ready I")
}

func TestAfterAnErrorThereIsSilenceUntilSyncAndOneReady(t *testing.T) {
	t.Parallel()
	answer := talk(t, guest(), parse("", "SHOW STATE"), bind("p", "none"), execute("p", 0), query("SHOW STATE"), parse("x", "SHOW POOLS"), syncUp(),
		parse("x", "SHOW LISTS"), syncUp())
	is(t, answer, "ParseComplete", `ERROR 26000 prepared statement "none" does not exist`, "Ready I", "ParseComplete", "Ready I")
}

func TestStatementsAndPortalsAreKnownByName(t *testing.T) {
	t.Parallel()
	contains(t, talk(t, guest(), parse("s", "SELECT 1"), parse("s", "SELECT 2"), syncUp()), `ERROR 42P05 prepared statement "s" already exists`)
	contains(t, talk(t, guest(), parse("", "SELECT 1"), parse("", "SELECT 2"), bind("", ""), execute("", 0), syncUp()), "Row 2")
	contains(t, talk(t, guest(), parse("", "SELECT 1"), bind("p", ""), bind("p", ""), syncUp()), `ERROR 42P03 cursor "p" already exists`)
	contains(t, talk(t, guest(), execute("p", 0), syncUp()), `ERROR 34000 portal "p" does not exist`)
	contains(t, talk(t, guest(), describe('S', "s"), syncUp()), `ERROR 26000 prepared statement "s" does not exist`)
	contains(t, talk(t, guest(), bind("", ""), syncUp()), `ERROR 26000 unnamed prepared statement does not exist`)
	contains(t, talk(t, guest(), parse("", "SELECT 1"), bind("p", ""), syncUp(), execute("p", 0), syncUp()), `ERROR 34000 portal "p" does not exist`)
	is(t, talk(t, guest(), parse("s", "SELECT 1"), bind("p", "s"), pgwire.AppendClose(nil, 'S', "s"), pgwire.AppendClose(nil, 'P', "p"), pgwire.AppendClose(nil, 'P', "x"),
		parse("s", "SELECT 2"), syncUp()),
		"ParseComplete", "BindComplete", "CloseComplete", "CloseComplete", "CloseComplete", "ParseComplete", "Ready I")
	contains(t, talk(t, guest(), parse("s", "SELECT 1"), query("DEALLOCATE s"), query("DEALLOCATE s"), parse("s", "SELECT 2"), query("DEALLOCATE ALL"), parse("s", "SELECT 2"), syncUp()),
		"Complete DEALLOCATE", "Complete DEALLOCATE ALL", `ERROR 26000 prepared statement "s" does not exist`)
}

func TestASessionRemembersABoundedNumberOfStatements(t *testing.T) {
	t.Parallel()
	var messages [][]byte
	for i := range 513 {
		messages = append(messages, parse(fmt.Sprint("s", i), "SELECT 1"), bind(fmt.Sprint("p", i), fmt.Sprint("s", i)))
	}
	contains(t, talk(t, guest(), append(messages, syncUp())...), "ERROR 54000 more than 512 prepared statements")
}

func TestParametersStandForArguments(t *testing.T) {
	t.Parallel()
	f := &fakePooler{}
	talkOf := func(messages ...[]byte) string {
		return talkTo(t, console.New(f, admin(), console.Options{}), messages...)
	}
	is(t, talkOf(parse("s", "SET pool_mode = $1"), describe('S', "s"), bind("", "s", "it's; transaction"), execute("", 0), syncUp()),
		"ParseComplete", "Parameters [25]", "NoData", "BindComplete", "Complete SET", "Ready I")
	four := pgwire.AppendParse(nil, "", "KILL_CLIENT $1", []uint32{23})
	binary := pgwire.AppendBind(nil, "", "", []int16{1}, [][]byte{{0, 0, 0, 17}}, nil)
	contains(t, talkOf(four, binary, execute("", 0), syncUp()), "Complete KILL_CLIENT")
	if got := fmt.Sprint(f.told()); got != "[set pool_mode it's; transaction kill_client 7]" {
		t.Errorf("the pooler was told %s", got)
	}
	contains(t, talkOf(four, pgwire.AppendBind(nil, "", "", []int16{1}, [][]byte{{17}}, nil), syncUp()), "ERROR 22P03 incorrect binary data format in bind parameter")
	contains(t, talkOf(four, bind("", ""), syncUp()), "ERROR 08P01 bind message supplies 0 parameters, but the statement requires 1")
	contains(t, talkOf(four, pgwire.AppendBind(nil, "", "", nil, [][]byte{nil}, nil), syncUp()), "ERROR 22023 parameter $1 is NULL")
	contains(t, talkOf(query("PAUSE $1")), "ERROR 42P02 there is no parameter $1")
	contains(t, talkOf(parse("", "PAUSE $9"), syncUp()), "ERROR 42601 there is no parameter $9 the commands of the console are listed by SHOW HELP 7")
}

// CVE-2026-6667 of PgBouncer: KILL_CLIENT forgot to ask. Here a command is closed unless it says that it is open.
func TestOnlyAdministratorsMayDoAnythingButShow(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"PAUSE", "PAUSE app", "RESUME", "DISABLE app", "ENABLE app", "RECONNECT", "KILL", "KILL app", "KILL_CLIENT 17", "SUSPEND",
		"WAIT_CLOSE", "RELOAD", "SET pool_mode = session", "SHUTDOWN", "SHUTDOWN WAIT_FOR_CLIENTS", "SHOW FDS", `SET "datestylex" = 1`, "SET a.b = 1",
	} {
		f := &fakePooler{}
		simple := talkTo(t, console.New(f, guest(), console.Options{}), query(sql))
		extended := talkTo(t, console.New(f, guest(), console.Options{}), parse("", sql), bind("", ""), execute("", 0), syncUp())
		begins(t, simple, "ERROR 42501 permission denied: ")
		begins(t, extended, "ParseComplete\nBindComplete\nERROR 42501 permission denied: ")
		if len(f.told()) != 0 {
			t.Errorf("%s of a guest reached the pooler: %v", sql, f.told())
		}
		if answer := ask(t, admin(), sql); strings.Contains(answer, "ERROR") {
			t.Errorf("%s of an administrator: %s", sql, answer)
		}
	}
	contains(t, ask(t, guest(), "SHOW PREPARED_STATEMENTS"), "Row app|u|hf_1|NULL|1|2|3")
	contains(t, ask(t, admin(), "SHOW PREPARED_STATEMENTS"), "Row app|u|hf_1|select 'secret'|1|2|3")
}

func TestATransactionIsReportedAndFailsLikePostgreSQLs(t *testing.T) {
	t.Parallel()
	is(t, talk(t, guest(), query("BEGIN"), query("SHOW STATE; nonsense"), query("SELECT 1"), query("ROLLBACK TO a"), query("SELECT nothing"), query("COMMIT"), query("COMMIT")),
		"Complete BEGIN", "Ready T",
		`ERROR 42601 syntax error at or near "nonsense" the commands of the console are listed by SHOW HELP 13`, "Ready E",
		"ERROR 25P02 current transaction is aborted, commands ignored until end of transaction block the console has no transactions; what was done is done. "+
			"Send ROLLBACK, or use autocommit", "Ready E",
		"Complete ROLLBACK", "Ready T",
		`ERROR 42601 syntax error at or near "nothing" the console has no SQL; its tables are listed by SHOW HELP 8`, "Ready E",
		"Complete ROLLBACK", "Ready I",
		"WARNING 25P01 there is no transaction in progress", "Complete COMMIT", "Ready I")
	contains(t, talk(t, guest(), query("START TRANSACTION READ ONLY; BEGIN; SAVEPOINT a; RELEASE a; END")),
		"Complete START TRANSACTION", "WARNING 25001 there is already a transaction in progress", "Complete SAVEPOINT", "Complete COMMIT", "Ready I")
	contains(t, ask(t, guest(), "SAVEPOINT a"), "ERROR 25P01 SAVEPOINT can only be used in transaction blocks")
	contains(t, talk(t, guest(), query("BEGIN"), parse("s", "SHOW STATE"), bind("p", "s"), syncUp(), execute("p", 1), syncUp()), "PortalSuspended", "Ready T")
}

func TestErrorsOfThePoolerKeepTheirMeaning(t *testing.T) {
	t.Parallel()
	f := func(err error, want string) {
		t.Helper()
		is(t, talkTo(t, console.New(&fakePooler{fail: err}, admin(), console.Options{}), query("RELOAD")), want, "Ready I")
	}
	f(fault.New(fault.Conflict, "x", "already paused").WithHint("RESUME first"), "ERROR 55000 already paused RESUME first")
	f(fault.New(fault.Config, "x", "line 3: no"), "ERROR F0000 line 3: no")
	f(fault.New(fault.Usage, "x", "bad value"), "ERROR 22023 bad value")
	f(fault.New(fault.Unavailable, "x", "down"), "ERROR 57P03 down")
	f(fault.New(fault.Full, "x", "full"), "ERROR 53000 full")
	f(fault.New(fault.Denied, "x", "no"), "ERROR 42501 no")
	f(errors.New("oops"), "ERROR XX000 oops")
	f(fmt.Errorf("reload: %w", coded{}), "ERROR 55P03 reload: locked")
	is(t, talkTo(t, console.New(&fakePooler{}, admin(), console.Options{}), query("RECONNECT missing")),
		"ERROR 3D000 no such database: missing SHOW DATABASES lists them", "Ready I")
}

type coded struct{}

func (coded) Error() string    { return "locked" }
func (coded) SQLState() string { return "55P03" }

func TestACommandThatWaitsCanBeCanceled(t *testing.T) {
	t.Parallel()
	s := console.New(&fakePooler{wait: make(chan struct{})}, admin(), console.Options{})
	s.Cancel() // between commands it does nothing
	client, server := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background(), pgwire.NewReader(server, messageLimit), server) }()
	write(t, client, query("PAUSE"))
	answer := make(chan string, 1)
	go func() { answer <- transcriptOf(client, 2) }()
	for got := ""; got == ""; {
		s.Cancel() // until the command runs
		select {
		case got = <-answer:
			is(t, got, "ERROR 57014 canceling statement due to user request", "Ready I")
		default:
		}
	}
	client.Close()
	if err := <-done; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestTheEndOfTheProcessEndsACommandAndSaysSo(t *testing.T) {
	t.Parallel()
	for _, messages := range [][]byte{query("PAUSE"), bytes.Join([][]byte{parse("", "PAUSE"), bind("", ""), execute("", 0), pgwire.AppendFlush(nil)}, nil)} {
		ctx, cancel := context.WithCancel(context.Background())
		var out bytes.Buffer
		cancel()
		s := console.New(&fakePooler{wait: make(chan struct{})}, admin(), console.Options{})
		if err := s.Serve(ctx, pgwire.NewReader(bytes.NewReader(messages), messageLimit), &out); !errors.Is(err, context.Canceled) {
			t.Errorf("serve: %v", err)
		}
		if answer := transcript(t, &out); !strings.HasSuffix(answer, "FATAL 57P01 terminating connection due to administrator command") {
			t.Errorf("answer: %s", answer)
		}
	}
}

func TestWhatBreaksTheProtocolEndsTheSession(t *testing.T) {
	t.Parallel()
	f := func(want string, messages ...[]byte) {
		t.Helper()
		var out bytes.Buffer
		err := console.New(&fakePooler{}, admin(), console.Options{}).
			Serve(t.Context(), pgwire.NewReader(bytes.NewReader(bytes.Join(messages, nil)), messageLimit), &out)
		if broken := (*pgwire.ProtocolError)(nil); !errors.As(err, &broken) {
			t.Errorf("serve: %v", err)
		}
		begins(t, transcript(t, &out), "FATAL 08P01 "+want)
	}
	f("invalid frontend message type", pgwire.AppendBare(nil, pgwire.FrontendType('z')))
	f("invalid frontend message type", pgwire.AppendPassword(nil, "x"))
	f("", []byte{'Q', 0, 0, 0, 2})
	f("", []byte{'Q', 0, 0, 0, 5, 'x'})
	f("", []byte{'B', 0, 0, 0, 5, 0})
	f("message of", []byte{'Q', 0x3f, 0, 0, 0})
}

func TestHarmlessMessagesAreHarmless(t *testing.T) {
	t.Parallel()
	is(t, talk(t, guest(), pgwire.AppendCopyData(nil, []byte("x")), pgwire.AppendBare(nil, pgwire.FrontendCopyDone), pgwire.AppendCopyFail(nil, "x"), pgwire.AppendFlush(nil), syncUp()), "Ready I")
	is(t, talk(t, guest(), pgwire.AppendBare(nil, pgwire.FunctionCall)), "ERROR 0A000 the console has no functions to call", "Ready I")
	is(t, talk(t, guest(), query("SELECT 1"), pgwire.AppendTerminate(nil), query("SELECT 2")), "Columns ?column?:23", "Row 1", "Complete SELECT 1", "Ready I")
	contains(t, ask(t, guest(), "SELECT '\xff'"), `ERROR 22021 invalid byte sequence for encoding "UTF8"`)
}

func TestAClientThatIsGoneEndsTheSession(t *testing.T) {
	t.Parallel()
	client, server := net.Pipe()
	client.Close()
	err := console.New(&fakePooler{}, guest(), console.Options{}).Serve(t.Context(), pgwire.NewReader(bytes.NewReader(query("SHOW POOLS")), messageLimit), server)
	if !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("serve: %v", err)
	}
}

func write(t *testing.T, w io.Writer, b []byte) {
	t.Helper()
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
}

// transcriptOf reads n messages.
func transcriptOf(from io.Reader, n int) string {
	var lines []string
	r := pgwire.NewReader(from, 1<<30)
	for range n {
		typ, body, err := r.ReadMessage()
		if err != nil {
			return err.Error()
		}
		line, _ := spell(pgwire.BackendType(typ), body)
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
