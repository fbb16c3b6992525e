package relay

import (
	"bytes"
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// The traps are numbered as in the list of what other poolers got wrong. Issue 3 asks for a test of each.

func TestTrap01ASegmentThatBeginsWithSyncDoesNotFreeTheServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("S P(:SELECT 1) B(:)", mSync(), mParse("", "SELECT 1"), mBind("", ""))
	r.answer("ZI", sReady('I'))
	r.free(false)
	r.say("E S", mExecute("", 0), mSync())
	r.answer("1 2 D C", sParsed(), sBound(), sRow("1"), sTag("SELECT 1"))
	r.free(false)
	r.answer("ZI", sReady('I'))
	r.free(true)
}

func TestTrap01AServerThatOwesAnswersIsNotFree(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("Q(SELECT 1) Q(SELECT 2)", mQuery("SELECT 1"), mQuery("SELECT 2"))
	r.answer("T D C ZI", sRows(), sRow("1"), sTag("SELECT 1"), sReady('I'))
	r.free(false)
	r.answer("T D C ZI", sRows(), sRow("2"), sTag("SELECT 1"), sReady('I'))
	r.free(true)
}

func TestTrap01AnAnswerThatNobodyAskedForEndsBothConnections(t *testing.T) {
	t.Parallel()
	bad := func(name string, said [][]byte, answer ...[]byte) {
		t.Helper()
		r := newRig(t, Transaction)
		if len(said) > 0 {
			if _, err := r.c.Forward(join(said...), &r.o); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.c.Backward(join(answer...), &r.o); !isOutOfStep(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	query := [][]byte{mQuery("SELECT 1")}
	pipeline := [][]byte{mParse("", "SELECT 1"), mBind("", ""), mExecute("", 0), mSync()}
	bad("a row for nobody", nil, sRow("1"))
	bad("ReadyForQuery for nobody", nil, sReady('I'))
	bad("an error for nobody", nil, sError("XX000", "no"))
	bad("a Query answered by ReadyForQuery alone", query, sReady('I'))
	bad("ParseComplete for a Query", query, sParsed())
	bad("two answers to one Query", query, sTag("SELECT 1"), sReady('I'), sTag("SELECT 1"))
	bad("BindComplete first", pipeline, sBound())
	bad("two ParseCompletes", pipeline, sParsed(), sParsed())
	bad("rows before BindComplete", pipeline, sParsed(), sRow("1"))
	bad("ReadyForQuery before the end", pipeline, sParsed(), sBound(), sReady('I'))
	bad("RowDescription for an Execute", pipeline, sParsed(), sBound(), sRows())
	bad("COPY for a Parse", pipeline, sCopyIn())
	bad("FunctionCallResponse for a Query", query, sBare(pgwire.FunctionCallResponse))
	bad("PortalSuspended for a Query", query, sBare(pgwire.PortalSuspended))
	bad("an authentication request", query, sBare(pgwire.Authentication))
	bad("a fastpath call without a result", [][]byte{pgwire.AppendBare(nil, pgwire.FunctionCall)}, sReady('I'))
	bad("an error to what was skipped", pipeline, sError("42601", "one"), sError("42601", "two"), sReady('I'), sReady('I'))
}

func TestTrap01LocalAnswersDoNotOvertakeAnswersInFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) S", mParse("s", "SELECT 1"), mSync())
	r.answer("1 ZI", sClosed(), sParsed(), sReady('I'))
	// The Close of s is ours to answer, but only after the row. The server gets another one, which would end a COPY.
	r.say("B(:holdfast_1) E C(Pholdfast_?) S", mBind("", "s"), mExecute("", 0), mClose('S', "s"), mSync())
	r.local("")
	r.answer("2 D C 3 ZI", sBound(), sRow("1"), sTag("SELECT 1"), sClosed(), sReady('I'))
	// An answer of ours must not stand in the middle of a message, either.
	r.say("B(:holdfast_1) E S", mParse("s", "SELECT 1"), mBind("", "s"), mExecute("", 0), mSync())
	r.local("1")
	row := sRow("a long one")
	r.answer("2 …", sBound(), row[:9])
	r.say("", mClose('S', "s"))
	r.local("")
	if n, err := r.c.Backward(row[9:], &r.o); err != nil || n != len(row)-9 || !bytes.Equal(r.o.Bytes(), row[9:]) {
		t.Fatalf("%d %v %q", n, err, r.o.Bytes())
	}
	r.answer("C ZI", sTag("SELECT 1"), sReady('I'))
}

func TestTrap02AnErrorOfTheRelaySkipsToSyncAndIsReadyOnce(t *testing.T) {
	t.Parallel()
	f := func(want string, messages ...[]byte) {
		t.Helper()
		r := newRig(t, Transaction)
		r.c.Detach()
		in := join(messages...)
		if n, err := r.c.Forward(in, &r.o); n != 0 || err != ErrNeedServer { //nolint:errorlint // it is returned as it is
			t.Fatalf("%d %v", n, err)
		}
		n, err := r.c.Refuse(in, pgwire.Notice{Code: "53300", Message: "full"})
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.c.Forward(in[n:], &r.o)
		if n+m != len(in) || err != nil || len(r.o.Bytes()) > 0 {
			t.Fatalf("%d of %d, %v, %q for the server", n+m, len(in), err, r.o.Bytes())
		}
		r.local(want)
	}
	f("E(53300 full) ZI", mQuery("SELECT 1"))
	f("E(53300 full) ZI", mSync())
	f("E(53300 full)", mParse("", "SELECT 1"), mBind("", ""), mFlush())
	f("E(53300 full) ZI", mParse("", "SELECT 1"), mBind("", ""), mExecute("", 0), mQuery("skipped, too"), mCopyData("1"), mSync())
	f("E(53300 full) ZI", mBind("", "s"), mSync(), mCopyDone())
}

func TestTrap02AfterAnErrorOfTheServerAllUpToSyncIsIgnored(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("P(:bad) B(:) E", mParse("", "bad"), mBind("", ""), mExecute("", 0))
	r.answer("E(42601 bad)", sError("42601", "bad"))
	r.free(false)
	r.say("", mBind("", ""), mQuery("SELECT 1"), mFlush(), mCopyData("x"), pgwire.AppendBare(nil, pgwire.FunctionCall))
	r.say("S", mSync())
	r.answer("ZI", sReady('I'))
	r.free(true)
}

func TestTrap02ARefusedNameIsRefusedByTheServerSoThatTheTransactionFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) S", mParse("s", "SELECT 1"), mSync())
	r.answer("1 ZI", sClosed(), sParsed(), sReady('I'))
	r.say("C(Sholdfast_!) P(holdfast_!:) P(holdfast_!:SELECT 2) B(:holdfast_1) S", mParse("s", "SELECT 2"), mBind("", "s"), mSync())
	r.answer(`E(42P05 prepared statement "s" already exists) ZE`,
		sClosed(), sParsed(), sError("42P05", `prepared statement "holdfast_!" already exists`), sReady('E'))
	r.free(false)
}

func TestTrap03AnOpenPortalKeepsTheServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("P(:SELECT 1) B(:) E H", mParse("", "SELECT 1"), mBind("", ""), mExecute("", 1), mFlush())
	r.answer("1 2 D s", sParsed(), sBound(), sRow("1"), sBare(pgwire.PortalSuspended))
	if r.s.Owes() != 0 {
		t.Fatalf("it owes %d answers", r.s.Owes())
	}
	r.free(false) // no ReadyForQuery came
	r.say("E S", mExecute("", 1), mSync())
	r.answer("C ZI", sTag("SELECT 0"), sReady('I'))
	r.free(true)
}

func TestTrap03ClosingAPortalDoesNotDropTheStatementOfThatName(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) S", mParse("x", "SELECT 1"), mSync())
	r.answer("1 ZI", sClosed(), sParsed(), sReady('I'))
	r.say("B(x:holdfast_1) C(Px) B(:holdfast_1) S", mBind("x", "x"), mClose('P', "x"), mBind("", "x"), mSync())
	r.answer("2 3 2 ZI", sBound(), sClosed(), sBound(), sReady('I'))
}

func TestTrap04TheTransactionEndsWhereReadyForQuerySaysSo(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("Q(BEGIN; SELECT 1; SELECT 2)", mQuery("BEGIN; SELECT 1; SELECT 2"))
	r.answer("C T D C T D C ZT", sTag("BEGIN"), sRows(), sRow("1"), sTag("SELECT 1"), sRows(), sRow("2"), sTag("SELECT 1"), sReady('T'))
	r.free(false)
	r.say("Q(bad)", mQuery("bad"))
	r.answer("E(42601 bad) ZE", sError("42601", "bad"), sReady('E'))
	r.free(false) // a transaction that failed is one
	r.say("Q(ROLLBACK)", mQuery("ROLLBACK"))
	r.answer("C ZI", sTag("ROLLBACK"), sReady('I'))
	r.free(true)
	if n := r.c.Counters.Transactions; n != 1 {
		t.Errorf("%d transactions were counted", n)
	}
}

func TestTrap07AFastpathCallIsAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	call := pgwire.AppendBare(nil, pgwire.FunctionCall)
	r.say("F F", call, call)
	r.answer("V ZI", sBare(pgwire.FunctionCallResponse), sReady('I'))
	r.free(false)
	r.answer("E(42883 none) ZI", sError("42883", "none"), sReady('I'))
	r.free(true)
}

func TestTrap09SettingsThatAreEqualAreNotReplayed(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	if sql := r.c.Settle(r.server(2)); sql != "" {
		t.Errorf("two sessions as they are after log-in: %q is run", sql)
	}
	r.say("Q(SET TimeZone = 'Asia/Tokyo')", mQuery("SET TimeZone = 'Asia/Tokyo'"))
	r.answer("C S(TimeZone=Asia/Tokyo) ZI", sTag("SET"), sStatus("TimeZone", "Asia/Tokyo"), sReady('I'))
	other := r.server(2)
	want := "SELECT pg_catalog.set_config('TimeZone', 'Asia/Tokyo', false)"
	if sql := r.c.Settle(other); sql != want {
		t.Errorf("%q is run, want %q", sql, want)
	}
	if sql := r.c.Settle(r.s); sql != "" {
		t.Errorf("on its own server %q is run", sql)
	}
}

func TestTrap09WhatAnIdleServerReportsIsTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.c.Detach()
	in := join(sStatus("TimeZone", "Asia/Tokyo"), pgwire.AppendNotice(nil, pgwire.Notice{Message: "reload"}), sStatus("application_name", "x"))
	n, err := r.s.Absorb(in, &r.o)
	if n != len(in) || err != nil || len(r.o.Bytes()) > 0 || !r.s.Settled() {
		t.Fatalf("%d %v %q", n, err, r.o.Bytes())
	}
	if sql := r.c.Settle(r.s); strings.Count(sql, "set_config") != 2 {
		t.Errorf("%q is run", sql)
	}
	if _, err := r.s.Absorb(sRow("1"), &r.o); !isOutOfStep(err) {
		t.Errorf("a row for nobody: %v", err)
	}
}

func TestTrap16HeadersAreReadFromAnyPieces(t *testing.T) {
	t.Parallel()
	r := newRig(t, Session)
	row := sRow(strings.Repeat("x", 100_000))
	r.say("Q(SELECT 1)", mQuery("SELECT 1"))
	all := join(sRows(), row, row, sTag("SELECT 2"), sReady('I'))
	var got, kept []byte
	for i := range all {
		kept = append(kept, all[i])
		n, err := r.c.Backward(kept, &r.o)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.o.Bytes()...)
		kept = kept[n:]
		if len(kept) > 64 {
			t.Fatalf("%d bytes are kept back", len(kept))
		}
	}
	if !bytes.Equal(got, all) {
		t.Error("other bytes came through")
	}
}

func TestTrap16LengthsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	for _, length := range [][]byte{{0, 0, 0, 3}, {0, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff}, {0x7f, 0xff, 0xff, 0xff}} {
		for _, typ := range []byte("QPBDECSHdcfFX") {
			r := newRig(t, Transaction)
			if _, err := r.c.Forward(append([]byte{typ}, length...), &r.o); err == nil {
				t.Errorf("%c with length %x is taken", typ, length)
			}
		}
		for _, typ := range []byte("ZCDEST12n") {
			r := newRig(t, Transaction)
			r.say("Q(x)", mQuery("x"))
			if _, err := r.c.Backward(append([]byte{typ}, length...), &r.o); err == nil {
				t.Errorf("%c with length %x is taken", typ, length)
			}
		}
	}
}

func TestAServerThatWasGivenBothProtocolsWithoutASyncBetweenIsReset(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("P(:SELECT 1) B(:) E Q(SELECT 2) S", mParse("", "SELECT 1"), mBind("", ""), mExecute("", 0), mQuery("SELECT 2"), mSync())
	r.answer("1 2 D C T D C ZT ZI", sParsed(), sBound(), sRow("1"), sTag("SELECT 1"), sRows(), sRow("2"), sTag("SELECT 1"), sReady('T'), sReady('I'))
	r.free(true)
	if s := r.c.Detach(); !s.Dirty() {
		t.Error("PostgreSQL 18 fails the next statement of such a session")
	}
}
