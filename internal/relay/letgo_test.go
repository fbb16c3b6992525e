package relay

import (
	"testing"

	"holdfast/internal/pgwire"
)

// pinnedRig is a rig whose client listens to two channels and has just stopped to listen to one.
func pinnedRig(t *testing.T) (r *rig, sql string) {
	t.Helper()
	r = newRig(t, Transaction)
	r.say("Q(LISTEN a; LISTEN b)", mQuery("LISTEN a; LISTEN b"))
	r.answer("C C ZI", sTag("LISTEN"), sTag("LISTEN"), sReady('I'))
	if sql := r.c.Question(); sql != "" {
		t.Fatalf("nothing was let go of, and %q is asked", sql)
	}
	r.say("Q(UNLISTEN a)", mQuery("UNLISTEN a"))
	r.answer("C ZI", sTag("UNLISTEN"), sReady('I'))
	r.free(false)
	if sql = r.c.Question(); sql == "" {
		t.Fatal("nobody asks whether anything remains")
	}
	if again := r.c.Question(); again != "" {
		t.Fatalf("%q is asked a second time", again)
	}
	return r, sql
}

// absorb gives the server's answers to a question, and expects what the client gets meanwhile.
func (r *rig) absorb(want, sql string, messages ...[]byte) {
	r.Helper()
	r.s.Ask(nil, sql)
	in := join(messages...)
	if n, err := r.s.Absorb(in, &r.o); err != nil || n != len(in) {
		r.Fatalf("Absorb: %d of %d bytes, %v", n, len(in), err)
	}
	if got := backend(r.o.Bytes()); got != want {
		r.Fatalf("the client gets %q, want %q", got, want)
	}
}

func TestTrap08TheServerSaysWhetherAnythingOfAPinRemains(t *testing.T) {
	t.Parallel()
	for tag, free := range map[string]bool{"SELECT 0": true, "SELECT 1": false} {
		r, sql := pinnedRig(t)
		r.absorb("", sql, sRows(), sTag(tag), sReady('I'))
		r.c.Answered()
		r.free(free)
		if free != r.s.Dirty() {
			t.Error("a server that was a pinned client's is reset before the next one gets it")
		}
	}
}

func TestTrap08AQuestionThatFailsLeavesTheClientPinned(t *testing.T) {
	t.Parallel()
	r, sql := pinnedRig(t)
	r.absorb("", sql, sError("57014", "canceling statement due to statement timeout"), sReady('I'))
	r.c.Answered()
	r.free(false)
	if r.c.Counters.Errors != 0 {
		t.Error("an error that the client does not see is counted as its own")
	}
}

func TestTrap08NotificationsThatComeWhileTheServerIsAskedReachTheClient(t *testing.T) {
	t.Parallel()
	r, sql := pinnedRig(t)
	notification := []byte{'A', 0, 0, 0, 11, 0, 0, 0, 1, 'b', 0, 0}
	r.absorb("A A", sql, notification, sRows(), sTag("SELECT 1"), sReady('I'), notification)
	r.c.Answered()
	r.free(false)
	r.c.Detach()
	r.absorb("", "", sBare(pgwire.EmptyQueryResponse), notification, sReady('I'))
}

func TestTrap08WhatNothingLetsGoOfIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("Q(LOAD 'x')", mQuery("LOAD 'x'"))
	r.answer("C ZI", sTag("LOAD"), sReady('I'))
	r.say("Q(DROP TABLE t)", mQuery("DROP TABLE t"))
	r.answer("C ZI", sTag("DROP TABLE"), sReady('I'))
	if sql := r.c.Question(); sql != "" {
		t.Errorf("%q is asked", sql)
	}
	r = newRig(t, Transaction) // the ordinary way
	r.say("Q(DROP TABLE t)", mQuery("DROP TABLE t"))
	r.answer("C ZI", sTag("DROP TABLE"), sReady('I'))
	if sql := r.c.Question(); sql != "" {
		t.Errorf("%q is asked of a client without pins", sql)
	}
}

// A client that is pinned stays so, whatever a transaction that is rolled back does of the same kind: else the next statement runs on a server
// without its role.
func TestTrap08ARollbackDoesNotUndoWhatPinnedBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, Transaction)
	r.say("Q(COMMIT; SET ROLE reader)", mQuery("COMMIT; SET ROLE reader")) // nobody follows that
	r.answer("C C ZI", sTag("COMMIT"), sTag("SET"), sReady('I'))
	r.free(false)
	r.say("Q(BEGIN)", mQuery("BEGIN"))
	r.answer("C ZT", sTag("BEGIN"), sReady('T'))
	r.say("C(Sholdfast_1) P(holdfast_1:SET ROLE other) B(p:holdfast_1) E S", mParse("s", "SET ROLE other"), mBind("p", "s"), mExecute("p", 0), mSync())
	r.answer("1 2 C ZT", sClosed(), sParsed(), sBound(), sTag("SET"), sReady('T'))
	r.say("Q(ROLLBACK)", mQuery("ROLLBACK"))
	r.answer("C ZI", sTag("ROLLBACK"), sReady('I'))
	r.free(false)
}
