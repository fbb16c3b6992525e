package relay

import (
	"errors"
	"testing"

	"holdfast/internal/pgwire"
)

// conversations are pieces that the fuzzers begin with.
func conversations() [][]byte {
	return [][]byte{
		mQuery("SELECT 1"),
		mQuery("BEGIN; LISTEN x; SET LOCAL y = 1"),
		join(mParse("s", "SELECT $1", 23), mBind("", "s", "1"), mDescribe('S', "s"), mExecute("", 1), mClose('S', "s"), mSync()),
		join(mParse("", "COPY t FROM STDIN"), mBind("p", ""), mExecute("p", 0), mSync(), mCopyData("1\n"), mCopyDone(), mSync()),
		join(mParse("s", "DISCARD ALL"), mBind("", "s"), mExecute("", 0), mFlush(), mParse("s", "x"), mQuery("DEALLOCATE s"), mSync()),
		join(mQuery("SET TimeZone = 'UTC'"), call(177, "1", "2"), pgwire.AppendTerminate(nil)),
	}
}

// answers are what a server may say to them, in one order or another.
func answers() [][]byte {
	return [][]byte{
		join(sRows(), sRow("1"), sTag("SELECT 1"), sReady('I')),
		join(sParsed(), sBound(), sRow("1"), sBare(pgwire.PortalSuspended), sClosed(), sReady('T')),
		join(sClosed(), sParsed(), sBound(), sCopyIn(), sError("22P04", "bad"), sReady('I'), sReady('I')),
		join(sTag("DISCARD ALL"), sStatus("TimeZone", "UTC"), sReady('I'), sBare(pgwire.FunctionCallResponse), sReady('E')),
		join(sTag("DEALLOCATE ALL"), sTag("COMMIT"), sTag("ROLLBACK"), sTag("SAVEPOINT"), sTag("SET")),
		pgwire.AppendError(nil, pgwire.Notice{Severity: "FATAL", Code: "57P01", Message: "the end"}),
	}
}

// feed gives bytes to one direction as a driver would, and checks that it takes no more than it is given and stands still
// only where it needs more.
func feed(t *testing.T, in []byte, piece int, do func([]byte) (int, error)) error {
	t.Helper()
	for shown := min(piece, len(in)); len(in) > 0; {
		n, err := do(in[:shown])
		if n < 0 || n > shown {
			t.Fatalf("%d of %d bytes were taken", n, shown)
		}
		in, shown = in[n:], shown-n
		switch {
		case err != nil:
			return err
		case shown < len(in):
			shown = min(len(in), shown+piece)
		case n == 0:
			return nil
		}
	}
	return nil
}

func FuzzForward(f *testing.F) {
	for i, c := range conversations() {
		f.Add(c, uint8(i), uint8(1+i), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, n, piece uint8, session bool) {
		mode := Transaction
		if session {
			mode = Session
		}
		r := newRig(t, mode)
		replies := answers()
		for range 3 {
			err := feed(t, in, int(piece)+1, func(b []byte) (int, error) {
				n, err := r.c.Forward(b, &r.o)
				r.c.Local()
				return n, err
			})
			if errors.Is(err, ErrOutOfStep) {
				t.Fatal("a client cannot be out of step")
			}
			if err := feed(t, replies[int(n)%len(replies)], int(piece)+1, func(b []byte) (int, error) { return r.c.Backward(b, &r.o) }); err != nil {
				return
			}
			if r.c.Free() {
				s := r.c.Detach()
				if !s.Settled() || s.Owes() != 0 {
					t.Fatal("a server that owes answers was given back")
				}
				r.c.Settle(s)
				r.c.Attach(s)
			}
		}
	})
}

func FuzzBackward(f *testing.F) {
	for i, a := range answers() {
		f.Add(a, uint8(i), uint8(1+i), false)
	}
	f.Fuzz(func(t *testing.T, in []byte, n, piece uint8, session bool) {
		mode := Transaction
		if session {
			mode = Session
		}
		r := newRig(t, mode)
		said := conversations()
		for range 3 {
			if err := feed(t, said[int(n)%len(said)], 1<<16, func(b []byte) (int, error) { return r.c.Forward(b, &r.o) }); err != nil {
				return
			}
			owed := r.s.Owes()
			if err := feed(t, in, int(piece)+1, func(b []byte) (int, error) { return r.c.Backward(b, &r.o) }); err != nil {
				return
			}
			if r.s.Owes() > owed {
				t.Fatalf("an answer made %d owed answers of %d", r.s.Owes(), owed)
			}
			n++
		}
		r.c.Detach()
		_ = feed(t, in, int(piece)+1, func(b []byte) (int, error) { return r.s.Absorb(b, &r.o) })
		r.c.Close()
		r.s.Close()
	})
}
