package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"holdfast/internal/console"
)

// The heads of all tables: PgBouncer's newest columns in their order and with their types, ours behind the bar.
// i is int4, q int8, s text, N numeric, b bytea: the letters of PgBouncer's own sources.
var heads = map[string]string{
	"config":         "s:key s:value s:default s:changeable",
	"databases":      "s:name s:host i:port s:database s:force_user i:pool_size i:min_pool_size i:reserve_pool_size i:server_lifetime s:pool_mode s:load_balance_hosts i:max_connections i:current_connections i:max_client_connections i:current_client_connections i:paused i:disabled | i:reserve_pool",
	"pools":          pooled + " | i:pool_size i:min_pool_size i:sv_pinned s:last_error",
	"endpoint_pools": pooled + " | s:pool s:target i:pool_size i:min_pool_size i:sv_pinned s:last_error",
	"clients":        sockets + ownSockets,
	"servers":        sockets + ownSockets,
	"sockets":        sockets + buffers + ownSockets,
	"active_sockets": sockets + buffers + ownSockets,
	"users":          "s:name s:pool_size s:reserve_pool_size s:pool_mode i:max_user_connections i:current_connections i:max_user_client_connections i:current_client_connections",
	"version":        "s:version",
	"peers":          "i:peer_id s:host i:port i:pool_size",
	"peer_pools":     "i:peer_id i:cl_active_cancel_req i:cl_waiting_cancel_req i:sv_active_cancel i:sv_login",
	"fds":            "i:fd s:task s:user s:database s:addr i:port q:cancel i:link s:client_encoding s:std_strings s:datestyle s:timezone s:password b:scram_client_key b:scram_server_key",
	"lists":          "s:list i:items",
	"mem":            "s:name i:size i:used i:free i:memtotal",
	"state":          "s:key s:value",
	"dns_hosts":      "s:hostname q:ttl s:addrs",
	"dns_zones":      "s:zonename q:serial i:count",
	"stats": "s:database N:total_server_assignment_count N:total_xact_count N:total_query_count N:total_received N:total_sent N:total_xact_time N:total_query_time N:total_wait_time N:total_client_parse_count N:total_server_parse_count N:total_bind_count N:total_client_login_count" +
		" N:avg_server_assignment_count N:avg_xact_count N:avg_query_count N:avg_recv N:avg_sent N:avg_xact_time N:avg_query_time N:avg_wait_time N:avg_client_parse_count N:avg_server_parse_count N:avg_bind_count N:avg_client_login_count",
	"stats_totals":   "s:database N:server_assignment_count N:xact_count N:query_count N:bytes_received N:bytes_sent N:xact_time N:query_time N:wait_time N:client_parse_count N:server_parse_count N:bind_count N:client_login_count",
	"stats_averages": "s:database N:server_assignment_count N:xact_count N:query_count N:bytes_received N:bytes_sent N:xact_time N:query_time N:wait_time N:avg_client_parse_count N:avg_server_parse_count N:avg_bind_count N:client_login_count",
	"totals":         "s:name N:value",
	// Of our own:
	"hosts":               "s:server s:host i:port s:role i:fit i:connections q:timeline s:lsn s:since s:checked s:error",
	"replication":         "s:server s:host i:port s:receive_lsn s:replay_lsn q:lag_bytes q:lag_us q:max_lag_us i:fit s:reason",
	"pins":                "i:client i:server s:database s:user s:person s:reason s:since s:application_name",
	"prepared_statements": "s:database s:user s:name s:query i:clients i:servers q:binds",
}

const (
	pooled     = "s:database s:user i:cl_active i:cl_waiting i:cl_active_cancel_req i:cl_waiting_cancel_req i:sv_active i:sv_active_cancel i:sv_being_canceled i:sv_idle i:sv_used i:sv_tested i:sv_login i:maxwait i:maxwait_us s:pool_mode s:load_balance_hosts"
	sockets    = "s:type s:user s:database s:replication s:state s:addr i:port s:local_addr i:local_port s:connect_time s:request_time i:wait i:wait_us i:close_needed s:ptr s:link i:remote_pid s:tls s:application_name i:prepared_statements i:id"
	buffers    = " i:recv_pos i:pkt_pos i:pkt_remain i:send_pos i:send_remain i:pkt_avail i:send_avail"
	ownSockets = " | s:person s:class s:endpoint s:pinned"
)

func TestEveryTableHasPgBouncersColumnsFirst(t *testing.T) {
	t.Parallel()
	letters := map[string]string{"s": "25", "i": "23", "q": "20", "N": "1700", "b": "17"}
	for name, head := range heads {
		want := "Columns"
		for _, c := range strings.Fields(strings.ReplaceAll(head, "|", "")) {
			letter, column, _ := strings.Cut(c, ":")
			want += " " + column + ":" + letters[letter]
		}
		answer := ask(t, admin(), "SHOW "+name)
		if got, _, _ := strings.Cut(answer, "\n"); got != want {
			t.Errorf("SHOW %s:\n%s\nwant:\n%s", name, got, want)
		}
		contains(t, answer, "Complete SHOW", "Ready I")
	}
}

func TestTablesHoldWhatThePoolerSays(t *testing.T) {
	t.Parallel()
	f := func(table string, rows ...string) {
		t.Helper()
		for _, row := range rows {
			contains(t, ask(t, admin(), "SHOW "+table), "Row "+row)
		}
	}
	f("pools", "app|u|3|0|0|0|0|0|0|2|0|0|0|1|500000|session|NULL|20|0|0|NULL", "app|ö|0|70000|0|0|0|0|0|0|0|0|0|0|0|transaction|NULL|0|0|0|NULL")
	f("endpoint_pools", "app|u|3|0|0|0|0|0|0|2|0|0|0|1|500000|session|NULL|app/primary|primary|20|0|0|NULL")
	f("databases", "app|127.0.0.1|5432|real|NULL|20|0|3|3600|NULL|NULL|0|0|0|0|1|0|3")
	f("clients", "C|u|app|none|idle|10.0.0.1|4711||0|2026-01-02 12:00:00 UTC|NULL|0|0|0|0x11|0x12|0||psql|0|17|ada|||",
		"C|u|app|none|waiting|unix|0||0|NULL|NULL|2|3|0|0x13||0|||0|19||||")
	f("servers", "S|u|app|none|new|10.0.0.2|5432||0|NULL|NULL|0|0|1|0x12|0x11|99|TLSv1.3||0|18||||")
	f("sockets", "C|u|app|none|cl_active|10.0.0.1|4711||0|2026-01-02 12:00:00 UTC|NULL|0|0|0|0x11|0x12|0||psql|0|17|0|0|0|0|0|0|0|ada|||",
		"S|u|app|none|sv_login|10.0.0.2|5432||0|NULL|NULL|0|0|1|0x12|0x11|99|TLSv1.3||0|18|0|0|0|0|0|0|0||||")
	f("fds", "7|pooler|NULL|NULL|127.0.0.1|6432|0|0|NULL|NULL|NULL|NULL|NULL|NULL|NULL")
	f("lists", "databases|2", "peer_pools|0", "dns_pending|9")
	f("mem", "heap|1|0|0|2147483647")
	f("config", "pool_mode|session|session|yes", "listen_port|6432|6432|no")
	f("stats", "app|0|10|123456789012|5|0|0|1000000|0|0|0|0|0|0|0|1|0|0|0|1000000|0|0|0|0|0")
	f("totals", "total_xact_count|15", "total_query_count|123456789012", "total_client_bytes|5", "total_ps_bind_count|0", "avg_query_count|4", "avg_query_time|4000000")
	f("dns_hosts", "db|15|10.0.0.1,10.0.0.2")
	f("dns_zones", "example|1|0")
	f("peers", "1|/tmp|6432|5")
	f("peer_pools", "1|0|0|0|2")
	f("hosts", "main|db1|5432|primary|1|0|3|0/3000060|NULL|NULL|NULL")
	f("replication", "main|db2|5432|NULL|NULL|10|1000|0|0|lag")
	f("pins", "17|18|app|u||listen|2026-01-02 12:00:00 UTC|")
	if answer := ask(t, admin(), "SHOW ACTIVE_SOCKETS"); strings.Count(answer, "\nRow ") != 1 || !strings.Contains(answer, "cl_waiting") {
		t.Errorf("active sockets are those that hold bytes: %s", answer)
	}
}

func TestTheVersionIsThatOfTheDatabaseThatWasAskedFor(t *testing.T) {
	t.Parallel()
	contains(t, ask(t, guest(), "SHOW VERSION"), "Row PgBouncer 1.25.2 compatible (Holdfast 0.9)")
	contains(t, talk(t, console.Identity{Database: console.Holdfast}, query("SHOW VERSION")), "Row Holdfast 0.9 (compatible with PgBouncer 1.25.2)")
}

func TestHelpNamesEveryTableAndCommand(t *testing.T) {
	t.Parallel()
	answer := ask(t, guest(), "show help")
	begins(t, answer, "NOTICE 00000 Console usage \n\tSHOW HELP|CONFIG|")
	contains(t, answer, "Complete SHOW", "Ready I")
	for name := range heads {
		if !strings.Contains(answer, strings.ToUpper(name)) {
			t.Errorf("the help does not name %s", name)
		}
	}
	is(t, talk(t, guest(), parse("", "SHOW HELP"), describe('S', ""), syncUp()), "ParseComplete", "Parameters []", "NoData", "Ready I")
}

func TestAveragesAreOfOnePeriod(t *testing.T) {
	t.Parallel()
	old := console.Counters{Transactions: 100, Queries: 100, Received: 1000, TransactionTime: time.Second, ServerAssignments: 10, WaitTime: time.Second}
	now := console.Counters{Transactions: 160, Queries: 100, Received: 4000, TransactionTime: 31 * time.Second, ServerAssignments: 14, WaitTime: 3 * time.Second}
	got := now.Average(old, time.Minute)
	want := console.Counters{Transactions: 1, Received: 50, TransactionTime: time.Second / 2, WaitTime: time.Second / 2}
	if got != want {
		t.Errorf("average %+v, want %+v", got, want)
	}
	if zero := now.Average(old, 0); zero != (console.Counters{}) {
		t.Errorf("a period of no length has averages: %+v", zero)
	}
}

func TestBinaryResultsAreThoseOfTheTypes(t *testing.T) {
	t.Parallel()
	answer := talk(t, guest(), parse("", "SELECT 258, 'ä', true, pg_is_in_recovery(), NULL"), bindFormats("", "", []int16{1}), execute("", 0), syncUp())
	contains(t, answer, "Row \x00\x00\x01\x02|ä|\x01|\x00|NULL")
	contains(t, talk(t, guest(), parse("", "SELECT 1, 2"), bindFormats("", "", []int16{0, 1}), execute("", 0), syncUp()), "Row 1|\x00\x00\x00\x02")
	contains(t, talk(t, guest(), parse("", "SELECT 1, 2"), bindFormats("", "", []int16{0, 1, 1}), syncUp()),
		"ERROR 08P01 bind message has 3 result formats but query has 2 columns")
	contains(t, talk(t, guest(), parse("", "SELECT 1"), bindFormats("", "", []int16{2}), syncUp()), "ERROR 08P01 unsupported format code: 2")
	contains(t, talk(t, admin(), parse("", "PAUSE"), bindFormats("", "", []int16{1}), execute("", 0), syncUp()), "Complete PAUSE")
}

func TestALongTableIsSentInParts(t *testing.T) {
	t.Parallel()
	answer := talkTo(t, console.New(&manyPools{}, guest(), console.Options{}), query("SHOW POOLS"))
	if got := strings.Count(answer, "\nRow "); got != 10000 {
		t.Errorf("%d rows", got)
	}
	contains(t, answer, "Row db9999|u|0|0|0|0|0|0|0|0|0|0|0|0|0||NULL|0|0|0|NULL", "Ready I")
}

type manyPools struct{ fakePooler }

func (*manyPools) Pools() []console.Pool {
	out := make([]console.Pool, 10000)
	for i := range out {
		out[i] = console.Pool{Database: fmt.Sprint("db", i), User: "u"}
	}
	return out
}
