package relay

import (
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// copying brings a rig to where the server has asked for the data of a COPY whose Sync was sent too early.
func copying(t *testing.T, mode Mode) *rig {
	t.Helper()
	r := newRig(t, mode)
	r.say("P(:COPY t FROM STDIN) B(:) E S", mParse("", "COPY t FROM STDIN"), mBind("", ""), mExecute("", 0), mSync())
	r.answer("1 2 G", sParsed(), sBound(), sCopyIn())
	r.free(false)
	return r
}

func TestTrap05ASyncThatACopyIgnoredIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	r := copying(t, Transaction)
	r.say("d c S C(Pholdfast_?) S", mCopyData("1\n"), mCopyDone(), mSync())
	r.answer("C ZI", sTag("COPY 1"), sReady('I'))
	r.free(false) // until the question is answered that was asked to be sure
	r.answer("", sClosed(), sReady('I'))
	r.free(true)
}

func TestTrap05ASyncThatAFailedCopyDidNotReadIsAnsweredBeforeTheNextClientComes(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		r := copying(t, Transaction)
		r.say("d c S C(Pholdfast_?) S", mCopyData("1\n"), mCopyDone(), mSync())
		r.answer("E(P0001 closed) ZI", sError("P0001", "closed"), sReady('I'))
		r.free(false)
		if late { // the Sync before the data was answered, too
			r.answer("ZI", sReady('I'))
		}
		r.answer("", sClosed(), sReady('I'))
		r.free(true)
	}
}

func TestTrap05ASyncThatAFailedCopyDidNotReadEndsTheSkipping(t *testing.T) {
	t.Parallel()
	r := copying(t, Session)
	r.answer("E(P0001 closed)", sError("P0001", "closed"))
	r.say("", mCopyData("1\n"), mCopyDone())
	r.answer("ZI", sReady('I'))
	r.say("Q(SELECT 1)", mQuery("SELECT 1"))
	r.answer("C ZI", sTag("SELECT 1"), sReady('I'))
	if !r.s.Settled() {
		t.Error("the answer to the Query shows that all before it is answered")
	}
	r.say("S", mSync())
	r.answer("ZI", sReady('I'))
	if _, err := r.c.Backward(sReady('I'), &r.o); !isOutOfStep(err) {
		t.Errorf("one ReadyForQuery too many: %v", err)
	}
}

func TestTrap05NamesBeforeASyncThatACopyIgnoredAreStillUncertain(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("C(Sholdfast_1) P(holdfast_1:COPY t FROM STDIN) B(:holdfast_1) E S",
		mParse("s", "COPY t FROM STDIN"), mBind("", "s"), mExecute("", 0), mSync(), mBind("", "s"))
	if !r.c.Held() {
		t.Error("the Bind waits for the Sync before it")
	}
	r.answer("1 2 G", sClosed(), sParsed(), sBound(), sCopyIn())
	if r.c.Held() {
		t.Error("nothing waits for a Sync that is ignored")
	}
}

func TestTrap09APinnedClientGetsItsOwnSettingsBackAfterReset(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	own := append(rigParams(), pgwire.Param{Name: "TimeZone", Value: "Asia/Tokyo"})
	r.c.Detach()
	r.c = NewClient(ClientConfig{Mode: Transaction, Registry: r.registry, Params: r.table, Values: own})
	sql := r.c.Settle(r.s)
	if sql != "SELECT pg_catalog.set_config('TimeZone', 'Asia/Tokyo', false)" {
		t.Fatalf("%q settles", sql)
	}
	settle := func() {
		t.Helper()
		r.s.Ask(nil, sql)
		in := join(sRows(), sRow("Asia/Tokyo"), sTag("SELECT 1"), sStatus("TimeZone", "Asia/Tokyo"), sReady('I'))
		if n, err := r.s.Absorb(in, &r.o); n != len(in) || err != nil || len(r.o.Bytes()) > 0 {
			t.Fatal(n, err, r.o.Bytes())
		}
	}
	settle()
	r.c.Attach(r.s)
	r.local("")
	r.say("Q(LISTEN x)", mQuery("LISTEN x"))
	r.answer("C ZI", sTag("LISTEN"), sReady('I'))
	r.say("Q(RESET TimeZone)", mQuery("RESET TimeZone"))
	r.answer("C S(TimeZone=UTC) ZI", sTag("RESET"), sStatus("TimeZone", "UTC"), sReady('I'))
	r.free(false)
	if !r.c.Unsettled() || r.c.Unsettled() {
		t.Fatal("that it is unsettled is told once")
	}
	if again := r.c.Settle(r.s); again != sql {
		t.Fatalf("%q settles", again)
	}
	settle()
	r.c.Resettled()
	r.local("S(TimeZone=Asia/Tokyo)")
	if r.c.Pins() != Listen || r.c.Settle(r.s) != "" {
		t.Errorf("pins %v, to be settled by %q", r.c.Pins().PinNames(), r.c.Settle(r.s))
	}
}

func TestTrap15AStatementIsPreparedAnewUnderOtherSettings(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("C(Sholdfast_1) P(holdfast_1:SELECT 1) S", mParse("s", "SELECT 1"), mSync())
	r.answer("1 ZI", sClosed(), sParsed(), sReady('I'))
	r.say("Q(SET work_mem = '1MB')", mQuery("SET work_mem = '1MB'"))
	r.answer("C ZI", sTag("SET"), sReady('I'))
	r.say("C(Sholdfast_2) P(holdfast_2:SELECT 1) B(:holdfast_2) S", mBind("", "s"), mSync())
	r.answer("2 ZI", sClosed(), sParsed(), sBound(), sReady('I'))
	r.say("Q(RESET work_mem)", mQuery("RESET work_mem"))
	r.answer("C ZI", sTag("RESET"), sReady('I'))
	r.say("B(:holdfast_1) S", mBind("", "s"), mSync()) // the server still has it
	r.answer("2 ZI", sBound(), sReady('I'))
	if n := r.c.Statements(); n != 1 {
		t.Errorf("the client has %d statements", n)
	}
	r.c.Detach()
	r.c.Close()
	r.s.Close()
	if n := r.registry.Len(); n != 0 {
		t.Errorf("%d statements are known to nobody", n)
	}
}

func TestTrap15EvictionSparesWhatTheTransactionUsed(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction) // its server keeps two
	parse := func(name, want string) {
		t.Helper()
		r.say(want, mParse(name, "SELECT '"+name+"'"), mSync())
		for range strings.Count(want, "C(") {
			r.answer("", sClosed())
		}
		r.answer("1 ZI", sParsed(), sReady('I'))
	}
	parse("a", "C(Sholdfast_1) P(holdfast_1:SELECT 'a') S")
	parse("b", "C(Sholdfast_2) P(holdfast_2:SELECT 'b') S")
	parse("c", "C(Sholdfast_1) C(Sholdfast_3) P(holdfast_3:SELECT 'c') S")
	r.say("B(:holdfast_2) B(:holdfast_3) C(Sholdfast_1) P(holdfast_1:SELECT 'a') B(:holdfast_1) S",
		mBind("", "b"), mBind("", "c"), mBind("", "a"), mSync()) // all three at once: none can be spared
	r.answer("2 2 2 ZI", sBound(), sBound(), sClosed(), sParsed(), sBound(), sReady('I'))
	if n := r.s.Statements(); n != 3 {
		t.Errorf("the server has %d statements", n)
	}
	r.say("C(Sholdfast_2) C(Sholdfast_3) C(Sholdfast_4) P(holdfast_4:SELECT 'd') S", mParse("d", "SELECT 'd'"), mSync())
	// When the new one fails, the old ones are gone; when all is skipped, they are there.
	r.answer("E(42601 bad) ZI", sClosed(), sClosed(), sClosed(), sError("42601", "bad"), sReady('I'))
	if n := r.s.Statements(); n != 1 {
		t.Errorf("the server has %d statements", n)
	}
	r.say("P(:bad) C(Sholdfast_5) P(holdfast_5:SELECT 'e') S", mParse("", "bad"), mParse("e", "SELECT 'e'"), mSync())
	r.answer("E(42601 bad) ZI", sError("42601", "bad"), sReady('I'))
	if n := r.s.Statements(); n != 1 || r.c.names["e"].stmt != nil {
		t.Errorf("the server has %d statements", n)
	}
}

func TestAMessageIsNotTornByWhatTheRelaySaysItself(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("Q(SELECT 1)", mQuery("SELECT 1"))
	row := sRow(strings.Repeat("x", 100))
	r.answer("T …", sRows(), row[:20])
	if !r.s.Midway() {
		t.Error("the client has a part of a row")
	}
	r.answer("…", row[20:])
	if r.s.Midway() {
		t.Error("the client has the whole row")
	}
}
