package relay

import (
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// Trap 15: a statement that a server has from somebody else may be older than a table's last change.

// sStale is how PostgreSQL says that a statement's result is another one by now.
func sStale() []byte { return sError("0A000", cachedPlanFailed) }

// shared returns a rig whose server has the text SELECT 1 from another client, and whose client has just prepared it as s.
func shared(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, Transaction)
	newcomer := r.c
	r.c.Detach()
	r.c = r.client(Transaction)
	r.c.Attach(r.s)
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) S", mParse("mine", "SELECT 1"), mSync())
	r.answer("1 ZI", sClosed(), sParsed(), sReady('I'))
	r.c.Detach()
	r.c = newcomer
	r.c.Attach(r.s)
	r.say("", mParse("s", "SELECT 1"))
	r.local("1")
	return r
}

// over expects what the server is sent once more.
func (r *rig) over(want string) {
	r.Helper()
	if got := frontend(r.c.Over()); got != want {
		r.Fatalf("to do it over the server gets %q, want %q", got, want)
	}
}

func TestTrap15AStaleStatementIsReplacedUnseenUnderAClientThatHasJustPreparedIt(t *testing.T) {
	t.Parallel()
	r := shared(t)
	r.say("B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync())
	r.over("")
	r.answer("", sStale())
	r.over("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E S")
	r.free(false)
	r.say("", mBind("", "s"), mExecute("", 0), mSync()) // waits: it must not overtake
	r.answer("", sReady('I'), sClosed(), sParsed())
	r.answer("2 D C ZI", sBound(), sRow("1"), sTag("SELECT 1"), sReady('I'))
	r.say("B(:holdfast_1) E S")
	r.answer("2 D C ZI", sBound(), sRow("1"), sTag("SELECT 1"), sReady('I'))
	r.free(true)
	if n := r.c.Counters.Errors; n != 0 {
		t.Errorf("%d errors are counted", n)
	}
}

func TestTrap15WhatComesInPiecesIsDoneOverInPieces(t *testing.T) {
	t.Parallel()
	r := shared(t)
	bind := mBind("p", "s")
	r.say("", bind[:8])
	r.say("B(p:holdfast_1)", bind[8:])
	r.answer("", sStale())
	r.over("S C(Sholdfast_1) P(holdfast_1:SELECT 1) B(p:holdfast_1)")
	r.say("D(Pp) E", mDescribe('P', "p"), mExecute("p", 0))
	r.answer("2", sReady('I'), sClosed(), sParsed(), sBound())
	r.say("S", mSync())
	r.answer("T D C ZI", sRows(), sRow("1"), sTag("SELECT 1"), sReady('I'))
	r.free(true)
}

func TestTrap15ItIsDoneOverOnceOnly(t *testing.T) {
	t.Parallel()
	r := shared(t)
	r.say("B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync())
	r.answer("", sStale())
	r.over("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E S")
	r.answer("E(0A000 "+cachedPlanFailed+") ZI", sReady('I'), sClosed(), sParsed(), sStale(), sReady('I'))
	r.over("")
	r.free(true)
}

func TestTrap15WhatElseGoesWrongWhenItIsDoneOverIsTold(t *testing.T) {
	t.Parallel()
	r := shared(t)
	r.say("B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync())
	r.answer("", sStale())
	r.over("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E S")
	r.answer("E(42P01 gone) ZI", sReady('I'), sClosed(), sError("42P01", "gone"), sReady('I'))
	r.free(true)
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync())
	r.answer("2 D C ZI", sClosed(), sParsed(), sBound(), sRow("1"), sTag("SELECT 1"), sReady('I'))
	r.free(true)
}

func TestTrap15WhereItCannotBeDoneOverTheStatementIsPreparedAnewBefore(t *testing.T) {
	t.Parallel()
	const anew = "C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E S"
	t.Run("in a transaction", func(t *testing.T) {
		t.Parallel()
		r := shared(t)
		r.say("S Q(BEGIN)", mSync(), mQuery("BEGIN"))
		r.answer("ZI C ZT", sReady('I'), sTag("BEGIN"), sReady('T'))
		r.say(anew, mBind("", "s"), mExecute("", 0), mSync())
		r.answer("2 D C ZT", sClosed(), sParsed(), sBound(), sRow("1"), sTag("SELECT 1"), sReady('T'))
		r.say("B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync()) // it is new enough now
		r.answer("2 D C ZT", sBound(), sRow("1"), sTag("SELECT 1"), sReady('T'))
	})
	t.Run("after something else", func(t *testing.T) {
		t.Parallel()
		r := shared(t)
		r.say("P(:SELECT 2) B(:) E "+anew, mParse("", "SELECT 2"), mBind("", ""), mExecute("", 0), mBind("", "s"), mExecute("", 0), mSync())
		r.answer("1 2 D C 2 D C ZI", sParsed(), sBound(), sRow("2"), sTag("SELECT 1"), sClosed(), sParsed(), sBound(), sRow("1"), sTag("SELECT 1"), sReady('I'))
		r.free(true)
	})
	t.Run("large", func(t *testing.T) {
		t.Parallel()
		r := shared(t)
		r.say(anew, mBind("", "s", strings.Repeat("x", maxTrial)), mExecute("", 0), mSync())
	})
}

func TestTrap15ADescriptionThatTurnsOutStaleIsNotTold(t *testing.T) {
	t.Parallel()
	r := shared(t)
	r.say("D(Sholdfast_1) S", mDescribe('S', "s"), mSync())
	r.answer("", sBare(pgwire.ParameterDescription))
	r.answer("", sStale())
	r.over("C(Sholdfast_1) P(holdfast_1:SELECT 1) D(Sholdfast_1) S")
	r.answer("t T ZI", sReady('I'), sClosed(), sParsed(), sBare(pgwire.ParameterDescription), sRows(), sReady('I'))
	r.free(true)
	r = shared(t)
	r.say("D(Sholdfast_1) S", mDescribe('S', "s"), mSync())
	r.answer("t E(57014 cancelled) ZI", sBare(pgwire.ParameterDescription), sError("57014", "cancelled"), sReady('I'))
	r.free(true)
}

func TestTrap15AnOldStatementFailsAsItDoesDirectlyUnlessItsClientKnowsNothingOfTheResult(t *testing.T) {
	t.Parallel()
	const told = "E(0A000 " + cachedPlanFailed + ") ZI"
	portal := join(mDescribe('P', ""), mExecute("", 0), mSync())
	bind := func(formats []int16, values int, results ...int16) []byte {
		return pgwire.AppendBind(nil, "", "s", formats, make([][]byte, values), results)
	}
	f := func(name string, unseen bool, said []byte, types ...uint32) {
		t.Helper()
		r := newRig(t, Transaction)
		r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) S", mParse("s", "SELECT 1", types...), mSync())
		r.answer("1 ZI", sClosed(), sParsed(), sReady('I'))
		n, err := r.c.Forward(said, &r.o)
		if n != len(said) || err != nil {
			t.Fatal(name, n, err)
		}
		want := "" // the ReadyForQuery is that after what failed
		if !unseen {
			want = told
		}
		r.answer(want, sStale(), sReady('I'))
		if got := frontend(r.c.Over()); (got != "") != unseen {
			t.Errorf("%s: to do it over the server gets %q", name, got)
		}
	}
	f("described, text", true, join(bind(nil, 0), portal))
	f("described, all binary", true, join(bind(nil, 0, 1), portal))
	f("described, types named", true, join(bind([]int16{1}, 2, 1), portal), 23, 25)
	f("described, text among unknown types", true, join(bind([]int16{1, 0}, 2, 1), portal), 23)
	f("describe of the statement", true, join(mDescribe('S', "s"), mSync()))
	f("not described", false, join(bind(nil, 0), mExecute("", 0), mSync()))
	f("described too late", false, join(bind(nil, 0), mExecute("", 0), mDescribe('P', ""), mSync()))
	f("another portal", false, join(bind(nil, 0), mDescribe('P', "p"), mExecute("", 0), mSync()))
	f("formats of columns", false, join(bind(nil, 0, 1, 0), portal))
	f("a type that was found out", false, join(bind([]int16{1}, 2, 1), portal), 23)
	f("more after it", false, join(bind(nil, 0), portal, mQuery("SELECT 2")))
}

func TestTrap15WhatWasPreparedAfterAChangeThatIsUndoneIsNotTrusted(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"ALTER TABLE", "DROP TABLE", "CREATE VIEW", "CREATE TABLE"} {
		r := newRig(t, Transaction)
		r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) S", mParse("s", "SELECT 1"), mSync())
		r.answer("1 ZI", sClosed(), sParsed(), sReady('I'))
		r.c.Detach()
		r.c.Attach(r.server(2)) // which does not have it
		r.say("Q(BEGIN) Q(change)", mQuery("BEGIN"), mQuery("change"))
		r.answer("C ZT C ZT", sTag("BEGIN"), sReady('T'), sTag(change), sReady('T'))
		use := join(mBind("", "s"), mExecute("", 0))
		r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E B(:holdfast_1) E S", use, use, mSync())
		r.answer("2 C 2 C ZT", sClosed(), sParsed(), sBound(), sTag("SELECT 0"), sBound(), sTag("SELECT 0"), sReady('T'))
		r.say("Q(ROLLBACK)", mQuery("ROLLBACK"))
		r.answer("C ZI", sTag("ROLLBACK"), sReady('I'))
		r.say("B(:holdfast_1) E S", use, mSync())
		if change == "CREATE TABLE" { // whose rollback changes nothing that was prepared
			r.answer("E(0A000 "+cachedPlanFailed+") ZI", sStale(), sReady('I'))
			continue
		}
		r.answer("", sStale()) // though the server's statement is newer than that of the client
		r.over("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E S")
		r.answer("2 C ZI", sReady('I'), sClosed(), sParsed(), sBound(), sTag("SELECT 0"), sReady('I'))
		r.free(true)
	}
}

// sColumn describes a result of one column.
func sColumn(name string) []byte {
	return pgwire.AppendRowDescription(nil, []pgwire.Field{pgwire.TextField(name)})
}

// told returns a rig whose client has prepared SELECT 1 as s and was told that its result is the column a, and which is at another server now.
func told(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, Transaction)
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) D(Sholdfast_1) S", mParse("s", "SELECT 1"), mDescribe('S', "s"), mSync())
	r.answer("1 t T ZI", sClosed(), sParsed(), sBare(pgwire.ParameterDescription), sColumn("a"), sReady('I'))
	r.say("B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync()) // here the result is known
	r.answer("2 C ZI", sBound(), sTag("SELECT 0"), sReady('I'))
	r.c.Detach()
	r.c.Attach(r.server(2))
	return r
}

func TestTrap15WhoKnowsAnotherResultIsToldThoughTheServersStatementIsNew(t *testing.T) {
	t.Parallel()
	const asked = "C(Sholdfast_1) P(holdfast_1:SELECT 1) D(Sholdfast_1) H"
	r := told(t)
	r.say(asked, mBind("", "s"), mExecute("", 0), mSync())
	r.say("") // it waits
	r.answer("", sClosed(), sParsed(), sBare(pgwire.ParameterDescription), sColumn("a"))
	r.say("B(:holdfast_1) E S") // the same as before
	r.answer("2 C ZI", sBound(), sTag("SELECT 0"), sReady('I'))
	r.free(true)

	r = told(t)
	r.say(asked, mBind("", "s"), mExecute("", 0), mSync())
	r.answer("", sClosed(), sParsed(), sBare(pgwire.ParameterDescription), sColumn("b"))
	r.say("C(Sholdfast_!) P(holdfast_!:) P(holdfast_!:) E S")
	r.answer("E(0A000 "+cachedPlanFailed+") ZI", sClosed(), sParsed(), sError("42P05", "exists"), sReady('I'))
	r.free(true)
	if code := string(r.c.code[:]); code != "0A000" || r.c.Counters.Errors != 1 {
		t.Errorf("%d errors are counted, the last is %s", r.c.Counters.Errors, code)
	}
	r.say("B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync()) // it was warned
	r.answer("2 C ZI", sBound(), sTag("SELECT 0"), sReady('I'))

	r = told(t) // who asks in the same breath is not told
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) D(P) E S", mBind("", "s"), mDescribe('P', ""), mExecute("", 0), mSync())
	r.answer("2 T C ZI", sClosed(), sParsed(), sBound(), sColumn("b"), sTag("SELECT 0"), sReady('I'))
	r.free(true)

	r = told(t) // the table is gone
	r.say(asked, mBind("", "s"), mExecute("", 0), mSync())
	r.answer("E(42P01 gone)", sClosed(), sError("42P01", "gone"))
	r.say("S")
	r.answer("ZI", sReady('I'))
	r.free(true)
}

func TestTrap15OnlyStatementsWhoseResultPostgreSQLMindsHaveAShape(t *testing.T) {
	t.Parallel()
	f := func(sql string, want bool) {
		t.Helper()
		if got := shaped(appendParseRest(nil, pgwire.Statement{Query: []byte(sql)})); got != want {
			t.Errorf("%q: %t", sql, got)
		}
	}
	f("SELECT 1", true)
	f(" ( (select 1))", true)
	f("with a as (select 1) table a", true)
	f("TABLE a", true)
	f("VALUES(1)", true)
	f("Delete\tfrom t returning *", true)
	f("SHOW x", false)
	f("FETCH ALL FROM c", false) // another cursor of that name may have other columns
	f("EXECUTE q", false)
	f("EXPLAIN SELECT 1", false)
	f("selected", false)
	f("", false)
}

func TestTrap15AShapeIsTheNamesAndTypesOfTheColumns(t *testing.T) {
	t.Parallel()
	field := pgwire.TextField("a")
	shape := func(fields ...pgwire.Field) uint64 {
		b := pgwire.AppendRowDescription(nil, fields)
		return shapeOf(&reply{typ: pgwire.RowDescription, size: len(b), bytes: b})
	}
	base := shape(field)
	same, name, typ, more := field, field, field, field
	same.Format, same.Table, same.Column = 1, 5, 6
	name.Name, typ.Type, more.TypeMod = "b", 20, 7
	if shape(same) != base {
		t.Error("the format and where a column comes from make no other result")
	}
	all := map[uint64]bool{base: true, noData: true, 0: true}
	for _, other := range []uint64{shape(name), shape(typ), shape(more), shape(field, field), shape()} {
		if all[other] {
			t.Error("two results have the same shape")
		}
		all[other] = true
	}
}

func TestTrap15TheObserverHearsTheOutcomeOnce(t *testing.T) {
	t.Parallel()
	heard := func(l *listener, want string) {
		t.Helper()
		if got := strings.Join(l.heard, "|"); got != want || len(l.begun) != 1 {
			t.Errorf("%d statements began, and it heard %q, want %q", len(l.begun), got, want)
		}
	}
	r, l := shared(t), new(listener)
	r.c.observer = l
	r.say("B(:holdfast_1) E S", mBind("", "s"), mExecute("", 0), mSync())
	r.answer("", sStale())
	heard(l, "")
	r.over("C(Sholdfast_1) P(holdfast_1:SELECT 1) B(:holdfast_1) E S")
	r.answer("2 D C ZI", sReady('I'), sClosed(), sParsed(), sBound(), sRow("1"), sTag("SELECT 1"), sReady('I'))
	heard(l, "SELECT 1: SELECT 1")

	r, l = told(t), new(listener)
	r.c.observer = l
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) D(Sholdfast_1) H", mBind("", "s"), mExecute("", 0), mSync())
	r.answer("", sClosed(), sParsed(), sBare(pgwire.ParameterDescription), sColumn("b"))
	r.say("C(Sholdfast_!) P(holdfast_!:) P(holdfast_!:) E S")
	r.answer("E(0A000 "+cachedPlanFailed+") ZI", sClosed(), sParsed(), sError("42P05", "exists"), sReady('I'))
	heard(l, "SELECT 1: 0A000")
}
