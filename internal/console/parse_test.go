package console_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/console"
	"holdfast/internal/pgwire"
)

// told returns what an administrator's query made the pooler do.
func told(t *testing.T, sql string) string {
	t.Helper()
	f := &fakePooler{}
	answer := talkTo(t, console.New(f, admin(), console.Options{}), query(sql))
	if strings.HasPrefix(answer, "ERROR") {
		return answer
	}
	return strings.Join(f.told(), "; ")
}

func TestCommandsAreReadInAllTheirSpellings(t *testing.T) {
	t.Parallel()
	f := func(sql, want string) {
		t.Helper()
		if got := told(t, sql); got != want {
			t.Errorf("%s: the pooler was told %q, want %q", sql, got, want)
		}
	}
	f("PAUSE", "pause ")
	f("pause;", "pause ")
	f("  PaUsE /* now */ app -- please\n;", "pause app")
	f(`PAUSE "my-app ""1"""`, `pause my-app "1"`)
	f("PAUSE MyApp", "pause MyApp")
	f("PAUSE 2026", "pause 2026")
	f("PAUSE 2026a", "pause 2026a")
	f("PAUSE bücher", "pause bücher")
	f("PAUSE 'app'", "pause app")
	f("RESUME app", "resume app")
	f("DISABLE app; ENABLE app", "disable app; enable app")
	f("RECONNECT", "reconnect ")
	f("KILL app", "kill app")
	f("KILL_CLIENT 17", "kill_client 7")
	f("KILL_CLIENT 0x13", "kill_client 9")
	f("KILL_CLIENT ('17'::int4)", "kill_client 7")
	f("SET pool_mode = ('session')", "set pool_mode session")
	f("SUSPEND", "suspend")
	f("WAIT_CLOSE app", "wait_close app")
	f("RELOAD", "reload")
	f("SHUTDOWN", "shutdown ")
	f("shutdown wait_for_clients", "shutdown WAIT_FOR_CLIENTS")
	f("SHUTDOWN WAIT_FOR_SERVERS", "shutdown WAIT_FOR_SERVERS")
	f("SET pool_mode = transaction", "set pool_mode transaction")
	f("SET pool_mode TO 'transaction'", "set pool_mode transaction")
	f("set auth_type=scram-sha-256;", "set auth_type scram-sha-256")
	f("SET server_check_query = 'select ''1'''", "set server_check_query select '1'")
	f("SET server_lifetime = 0.5", "set server_lifetime 0.5")
	f("SET stats_users = ada, eve ; RELOAD", "set stats_users ada, eve; reload")
	f("SET client_tls_ca_file = '/etc/ca.pem'", "set client_tls_ca_file /etc/ca.pem")
	f("SET max_client_conn = -1", "set max_client_conn -1")
	f(`SET "a key" = ''`, "set a key ")
	f("SET database.options.pool.max_size = 9", "set database.options.pool.max_size 9")
}

func TestWhatIsNoCommandIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	f := func(sql, want string) {
		t.Helper()
		if got := told(t, sql); !strings.HasPrefix(got, "ERROR "+want) {
			t.Errorf("%s: %s, want ERROR %s", sql, got, want)
		}
	}
	f("nonsense", `42601 syntax error at or near "nonsense" the commands of the console are listed by SHOW HELP 1`)
	f("PAUSE a b", `42601 syntax error at or near "b" write a name that has other characters`)
	f("PAUSE my-app", `42601 syntax error at or near "-" write a name`)
	f("PAUSE ((((a", `42601 syntax error at or near "("`)
	f("PAUSE ''", "42601 the name of a database is empty")
	f("RELOAD now", `42601 syntax error at or near "now"`)
	f("SUSPEND x", `42601 syntax error at or near "x"`)
	f("DISABLE", "42601 a database is required DISABLE database")
	f("ENABLE;", "42601 a database is required")
	f("KILL_CLIENT", "42601 syntax error at end of input")
	f("KILL_CLIENT x", `22023 invalid client id: "x" take the column id of SHOW CLIENTS`)
	f("KILL_CLIENT 0", "22023")
	f("KILL_CLIENT 99999999999", "22023")
	f("SHUTDOWN WAIT_FOR_GODOT", `42601 syntax error at or near "WAIT_FOR_GODOT"`)
	f("SHOW", "42601 syntax error at end of input")
	f("SHOW nothing", "42704 unrecognized table or parameter: nothing what can be shown is listed by SHOW HELP 6")
	f("SHOW POOLS app", "42704 unrecognized table or parameter: pools app")
	f("SET x", "42601 syntax error at end of input SET key = value")
	f("SET x =", "42601 syntax error at end of input")
	f("SET = 1", `42601 syntax error at or near "="`)
	f("SELECT * FROM pg_class", `42601 syntax error at or near "*"`)
	f("SELECT 1 FROM pools", `42601 syntax error at or near "FROM" the console has no SQL`)
	f("SELECT 99999999999", "42601 not a whole number")
	f("SELECT", "42601 syntax error at end of input")
	f("PAUSE 'ä", "42601 unterminated quoted string")
	f(`ä "x`, "42601 unterminated quoted identifier the commands of the console are listed by SHOW HELP 3")
	f("/* /* */", "42601 unterminated comment")
	f("PAUSE app RESUME", `42601 syntax error at or near "RESUME"`)
	f("'PAUSE'", `42601 syntax error at or near "PAUSE"`)
}

func TestWhatDriversSendIsAnswered(t *testing.T) {
	t.Parallel()
	f := func(sql string, lines ...string) {
		t.Helper()
		contains(t, ask(t, guest(), sql), lines...)
	}
	f("SELECT 1", "Columns ?column?:23", "Row 1", "Complete SELECT 1")
	f("select 1 as one, 'x'::text, -5", "Columns one:23 ?column?:25 ?column?:23", "Row 1|x|-5")
	f("SELECT version()", "Columns version:25", "Row PostgreSQL 15.0 (console of Holdfast 0.9)")
	f("select pg_catalog.version()", "Row PostgreSQL 15.0 (console of Holdfast 0.9)")
	f("select current_schema(), current_database(), current_user", "Row public|pgbouncer|eve")
	f("SELECT pg_catalog.pg_is_in_recovery()", "Columns pg_is_in_recovery:16", "Row f")
	f("SELECT current_setting('server_version_num')", "Row 150000")
	f("SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL", "Complete CLOSE CURSOR ALL", "Complete UNLISTEN", "Complete RESET")
	f("SHOW transaction_read_only", "Columns transaction_read_only:25", "Row off")
	f("SHOW TRANSACTION ISOLATION LEVEL", "Columns transaction_isolation:25", "Row read committed")
	f("show standard_conforming_strings", "Row on")
	f("SHOW session_authorization", "Row eve")
	f("SET extra_float_digits = 3; SHOW extra_float_digits", "Complete SET", "Row 3")
	f("SET application_name = 'PostgreSQL JDBC Driver'", "Parameter application_name=PostgreSQL JDBC Driver", "Complete SET")
	f("SET client_encoding TO 'utf-8'", "Parameter client_encoding=UTF8")
	f("SET NAMES 'latin1'", "ERROR 0A000 the console speaks UTF8 only")
	f("SET standard_conforming_strings = on", "Complete SET")
	f("SET standard_conforming_strings = off", `ERROR 55P02 parameter "standard_conforming_strings" cannot be changed on the console`)
	f("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "Complete SET")
	f("SET TIME ZONE 'Europe/Berlin'; RESET timezone; SHOW timezone", "Parameter TimeZone=Europe/Berlin", "Parameter TimeZone=UTC", "Row UTC")
	f("SET datestyle = 'ISO'; SET datestyle TO DEFAULT; SHOW datestyle", "Columns DateStyle:25", "Row ISO, MDY")
	f("SET LOCAL statement_timeout = '5s'; DISCARD ALL; SHOW statement_timeout", "Complete DISCARD ALL", "Row 0")
	f("RESET nothing", `ERROR 42704 unrecognized configuration parameter "nothing"`)
}

func TestParamsAreThoseThatDriversNeed(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, p := range console.New(&fakePooler{}, admin(), console.Options{}).Params() {
		got[p.Name] = p.Value
	}
	for name, want := range map[string]string{
		"client_encoding": "UTF8", "server_encoding": "UTF8", "standard_conforming_strings": "on", "DateStyle": "ISO, MDY", "TimeZone": "UTC",
		"integer_datetimes": "on", "is_superuser": "on", "session_authorization": "boss", "server_version": "15.0 (Holdfast/bouncer)",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// A guest can keep neither a processor nor memory busy.
func TestALongTextIsRefused(t *testing.T) {
	t.Parallel()
	for _, piece := range []string{"a ", ";", "1,", "'' ", "/**/", "$1 "} {
		sql := "SELECT " + strings.Repeat(piece, (1<<16-7)/len(piece))
		begins(t, ask(t, guest(), sql), "ERROR 42601 ")
		begins(t, ask(t, guest(), sql+piece+piece), "ERROR 54000 a command of 655")
	}
}

// A text that is understood means the same again; one that is not is refused with a place inside of it.
func FuzzAnyTextIsAnswered(f *testing.F) {
	for name := range heads {
		f.Add("SHOW " + name)
	}
	for _, sql := range []string{
		"PAUSE \"a\"\"b\"", "SET a = 'b''c'; RELOAD", "-- x\n/* /* */ */;", "SELECT 1, version() AS v", "KILL_CLIENT $1", "BEGIN; ROLLBACK TO a", "SET TIME ZONE '", "\xff", "$", "-", "1.",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		if strings.IndexByte(sql, 0) >= 0 {
			return // no Query can hold it
		}
		first, second := ask(t, admin(), sql), ask(t, admin(), sql)
		if first != second {
			t.Errorf("%q: first\n%s\nthen\n%s", sql, first, second)
		}
		if !strings.HasSuffix(first, "Ready I") && !strings.HasSuffix(first, "Ready T") && !strings.HasSuffix(first, "Ready E") {
			t.Errorf("%q: the answer does not end with ReadyForQuery:\n%s", sql, first)
		}
	})
}

// Whatever bytes come, the answer is whole messages, and a guest steers nothing.
func FuzzAnyBytesAreAnsweredWithMessages(f *testing.F) {
	f.Add(bytes.Join([][]byte{parse("s", "SHOW POOLS"), bind("p", "s"), describe('P', "p"), execute("p", 1), syncUp()}, nil))
	f.Add(bytes.Join([][]byte{query("PAUSE"), query("SET a = 1"), query("KILL_CLIENT 1")}, nil))
	f.Add(bytes.Join([][]byte{parse("", "KILL_CLIENT $1"), bind("", "", "5"), execute("", 0), syncUp()}, nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		f := &fakePooler{}
		var out bytes.Buffer
		// An error is what the session ends with; the answer is judged, not the error.
		_ = console.New(f, guest(), console.Options{}).Serve(t.Context(), pgwire.NewReader(bytes.NewReader(in), messageLimit), &out)
		transcript(t, &out)
		if len(f.told()) != 0 {
			t.Errorf("%q of a guest reached the pooler: %s", in, fmt.Sprint(f.told()))
		}
	})
}
