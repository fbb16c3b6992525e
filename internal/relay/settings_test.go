package relay

import (
	"testing"

	"holdfast/internal/pgwire"
)

func TestSetIsFollowedWhereItCanBe(t *testing.T) {
	t.Parallel()
	f := func(sql string, want Assignment) {
		t.Helper()
		got, ok := parseSet(sql)
		if !ok || got == nil || *got != want {
			t.Errorf("%q: %+v %t, want %+v", sql, got, ok, want)
		}
	}
	set := func(sql, name, undo string) {
		t.Helper()
		f(sql, Assignment{Name: name, Set: sql, Undo: undo})
		f("  "+sql+" ; ", Assignment{Name: name, Set: sql, Undo: undo})
	}
	reset := func(sql, name string) {
		t.Helper()
		f(sql, Assignment{Name: name})
	}
	set("SET work_mem = '1MB'", "work_mem", "RESET work_mem")
	set("set Work_Mem TO 4096", "work_mem", "RESET work_mem")
	set("SET SESSION work_mem=4", "work_mem", "RESET work_mem")
	set("SET app.Tenant = 'x'", "app.tenant", "RESET app.tenant")
	set("SET search_path TO a, b", "search_path", "RESET search_path")
	set("SET search_path = default, b", "search_path", "RESET search_path")
	set("SET SCHEMA 'a'", "search_path", "RESET search_path")
	set("SET ROLE reader", "role", "RESET ROLE")
	set("SET SESSION ROLE reader", "role", "RESET ROLE")
	set("SET SESSION AUTHORIZATION reader", "session authorization", "RESET SESSION AUTHORIZATION")
	set("SET TIME ZONE 'UTC'", "timezone", "RESET TIME ZONE")
	set("SET NAMES 'UTF8'", "client_encoding", "RESET client_encoding")
	set("SET XML OPTION DOCUMENT", "xmloption", "RESET xmloption")
	set("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "default_transaction_read_only", "RESET default_transaction_read_only")
	set("set session characteristics as transaction  Isolation Level Repeatable  Read", "default_transaction_isolation", "RESET default_transaction_isolation")
	set("SET SESSION CHARACTERISTICS AS TRANSACTION NOT DEFERRABLE", "default_transaction_deferrable", "RESET default_transaction_deferrable")
	reset("SET work_mem TO DEFAULT", "work_mem")
	reset("SET work_mem = default;", "work_mem")
	reset("SET TIME ZONE LOCAL", "timezone")
	reset("SET TIME ZONE DEFAULT", "timezone")
	reset("SET SESSION AUTHORIZATION DEFAULT", "session authorization")
	reset("RESET work_mem", "work_mem")
	reset("RESET SESSION AUTHORIZATION", "session authorization")
	reset("RESET TIME ZONE", "timezone")
	f("RESET ALL", Assignment{All: true})
	f("SET LOCAL TimeZone = 'UTC'", Assignment{Name: "timezone", local: true})
	f("SET LOCAL SESSION AUTHORIZATION x", Assignment{Name: "session authorization", local: true})
	f("SET LOCAL work_mem TO DEFAULT", Assignment{Name: "work_mem", local: true})

	for _, sql := range []string{"SET TRANSACTION READ ONLY", "SET CONSTRAINTS ALL DEFERRED"} {
		if got, ok := parseSet(sql); got != nil || !ok {
			t.Errorf("%q: %+v %t, want nothing to follow", sql, got, ok)
		}
	}
}

func TestWhatCannotBeFollowedIsNotTakenForASet(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"", "SET", "SET a", "SET = 1", "RESET", "SELECT 1", "SET a = 1; SET b = 2", "SET a = 1 -- x", "SET /* x */ a = 1", `SET "A" = 1`, `SET a."B" = 1`,
		"SET SEED TO 0.5", `SET a = 'x\y'`, "SET a = $$x$$", "SET a = 'é'", "RESET a\x00b", `RESET "a"`, "SET TIME 'x'", "BEGIN; SET a = 1", "SET a b",
		"SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, DEFERRABLE",
	} {
		if got, ok := parseSet(sql); ok {
			t.Errorf("%q is followed: %+v", sql, got)
		}
	}
}

func FuzzParseSet(f *testing.F) {
	f.Add("SET SESSION work_mem TO '1MB'")
	f.Add("RESET ALL")
	f.Fuzz(func(t *testing.T, sql string) {
		a, ok := parseSet(sql)
		if !ok && a != nil {
			t.Errorf("%q: %+v, but it is not followed", sql, a)
		}
		if a != nil && a.Set != "" && a.Undo == "" {
			t.Errorf("%q cannot be undone", sql)
		}
	})
}

func TestSettingsHaveOneAssignmentForEachName(t *testing.T) {
	t.Parallel()
	a := func(name, value string) Assignment {
		return Assignment{Name: name, Set: "SET " + name + "=" + value, Undo: "RESET " + name}
	}
	var none *Settings
	s := none.with(a("x", "1")).with(a("y", "2")).with(a("x", "3"))
	if len(s.all()) != 2 || s.named("x") != a("x", "3") || s.all()[1] != a("x", "3") {
		t.Errorf("%+v", s.all())
	}
	if s.named("z") != (Assignment{Name: "z"}) {
		t.Errorf("z is %+v", s.named("z"))
	}
	if undone := s.with(Assignment{Name: "x"}).with(Assignment{Name: "y"}); undone != nil {
		t.Errorf("%+v", undone.all())
	}
	same := none.with(a("y", "2")).with(a("x", "3"))
	if !s.equal(same) || s.equal(none) || none.equal(s) || !none.equal(nil) || s.equal(none.with(a("x", "3")).with(a("y", "2"))) {
		t.Error("equal does not tell settings apart by what and in which order they are")
	}
	all := s.with(a("role", "r")).with(Assignment{All: true})
	if len(all.all()) != 1 || all.all()[0].Name != "role" {
		t.Errorf("RESET ALL leaves %+v", all.all())
	}
	if both := s.and(none.with(a("x", "9")).with(a("z", "4"))); both.named("x") != a("x", "3") || both.named("z") != a("z", "4") {
		t.Errorf("%+v", both.all())
	}
}

func TestPlansAreSharedUnlessASettingMatters(t *testing.T) {
	t.Parallel()
	var none *Settings
	f := func(name string, same bool) {
		t.Helper()
		if s := none.with(Assignment{Name: name, Set: "SET x"}); (s.planning() == none.planning()) != same {
			t.Errorf("%s: shared is %t", name, !same)
		}
	}
	f("search_path", false)
	f("role", false)
	f("work_mem", false)
	f("lc_monetary", false)
	f("app.tenant", true)
	f("statement_timeout", true)
}

func TestStartUpParametersAreQuoted(t *testing.T) {
	t.Parallel()
	a := FromParam("My.Name", `it's a \`)
	want := Assignment{
		Name: "my.name", Set: `SELECT pg_catalog.set_config('my.name',  E'it''s a \\', false)`, Undo: `RESET "my"."name"`, value: `it's a \`,
	}
	if a != want {
		t.Errorf("%+v", a)
	}
}

func TestParamsAreSharedAndImmutable(t *testing.T) {
	t.Parallel()
	table := NewParamTable()
	p := func(s ...string) (list []pgwire.Param) {
		for i := 0; i < len(s); i += 2 {
			list = append(list, pgwire.Param{Name: s[i], Value: s[i+1]})
		}
		return list
	}
	a, b := table.Intern(p("b", "2", "a", "1")), table.Intern(p("a", "0", "b", "2", "a", "1"))
	if a != b || len(a.All()) != 2 || a.All()[0].Name != "a" {
		t.Fatalf("%v %v", a.All(), b.All())
	}
	c := table.With(a, []byte("a"), []byte("3"))
	if v, _ := a.Get("a"); v != "1" || c == a || table.With(c, []byte("a"), []byte("1")) != a || table.With(a, []byte("a"), []byte("1")) != a {
		t.Error("With does not share or changes what it is given")
	}
	if _, ok := a.Get("z"); ok || !a.Reports("A") || a.Reports("z") {
		t.Error("Get or Reports")
	}
	if v, ok := (*Params)(nil).Get("a"); ok || v != "" {
		t.Error("nil has values")
	}
	for i := range 2 * maxParamSets {
		table.With(a, []byte("a"), []byte(string(rune(i+32))))
	}
	if len(table.seen) > maxParamSets {
		t.Errorf("%d sets are kept", len(table.seen))
	}
}

func TestParamsGoBackToTheirFirstValues(t *testing.T) {
	t.Parallel()
	table := NewParamTable()
	now := table.Intern([]pgwire.Param{{Name: "TimeZone", Value: "x"}, {Name: "DateStyle", Value: "y"}, {Name: "server_version", Value: "16"}})
	first := table.Intern([]pgwire.Param{{Name: "TimeZone", Value: "1"}, {Name: "DateStyle", Value: "2"}, {Name: "server_version", Value: "15"}})
	one := table.revert(now, first, "timezone")
	if v, _ := one.Get("TimeZone"); v != "1" {
		t.Errorf("TimeZone is %q", v)
	}
	if v, _ := one.Get("DateStyle"); v != "y" {
		t.Errorf("DateStyle is %q", v)
	}
	all := table.revert(now, first, "")
	if v, _ := all.Get("DateStyle"); v != "2" {
		t.Errorf("DateStyle is %q", v)
	}
	if v, _ := all.Get("server_version"); v != "16" {
		t.Errorf("server_version is %q", v)
	}
}

func TestStatementsAreNotSharedAcrossWhatTheyMean(t *testing.T) {
	t.Parallel()
	table := NewParamTable()
	base := table.Intern(rigParams())
	f := func(name, value string, same bool) {
		t.Helper()
		if got := table.With(base, []byte(name), []byte(value)); (got.parsing() == base.parsing()) != same {
			t.Errorf("%s = %s: shared is %t", name, value, !same)
		}
	}
	f("TimeZone", "Asia/Tokyo", false)
	f("DateStyle", "German", false)
	f("client_encoding", "LATIN1", false)
	f("standard_conforming_strings", "off", false)
	f("application_name", "x", true)
	f("server_version", "16", true)
	if !table.With(base, []byte("standard_conforming_strings"), []byte("off")).backslashes() || base.backslashes() {
		t.Error("backslashes")
	}
}
