package relay

import (
	"syscall"
	"testing"
	"time"

	"holdfast/internal/pgwire"
)

// account is what pgbench asks with -S, and answer what PostgreSQL says to that.
const account = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711;"

func accountAnswer() []byte {
	rows := pgwire.AppendRowDescription(nil, []pgwire.Field{pgwire.TextField("abalance")})
	return join(rows, sRow("12345"), sTag("SELECT 1"), sReady('I'))
}

// processor reports the processor's time of each operation, which other programs on the machine disturb less than the clock.
func processor(b *testing.B) func() {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

// exchange is one transaction: what the client says, and what the server answers.
func exchange(b *testing.B, mode Mode, said, answered []byte, before ...[]byte) {
	b.Helper()
	r := newRig(b, mode)
	for i := 0; i+1 < len(before); i += 2 {
		if _, err := r.c.Forward(before[i], &r.o); err != nil {
			b.Fatal(err)
		}
		if _, err := r.c.Backward(before[i+1], &r.o); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	defer processor(b)()
	for b.Loop() {
		if n, err := r.c.Forward(said, &r.o); n != len(said) || err != nil {
			b.Fatal(n, err)
		}
		if n, err := r.c.Backward(answered, &r.o); n != len(answered) || err != nil {
			b.Fatal(n, err)
		}
		if mode == Transaction && !r.c.Free() {
			b.Fatal("the server is not free")
		}
	}
}

func BenchmarkSimpleQuery(b *testing.B) {
	for name, mode := range map[string]Mode{"session": Session, "transaction": Transaction} {
		b.Run(name, func(b *testing.B) { exchange(b, mode, mQuery(account), accountAnswer()) })
	}
}

func BenchmarkExtendedUnnamed(b *testing.B) {
	said := join(mParse("", account), mBind("", ""), mDescribe('P', ""), mExecute("", 0), mSync())
	answered := join(sParsed(), sBound(), accountAnswer())
	for name, mode := range map[string]Mode{"session": Session, "transaction": Transaction} {
		b.Run(name, func(b *testing.B) { exchange(b, mode, said, answered) })
	}
}

func BenchmarkPrepared(b *testing.B) {
	said := join(mBind("", "P0_1", "4711"), mDescribe('P', ""), mExecute("", 0), mSync())
	answered := join(sBound(), accountAnswer())
	for name, mode := range map[string]Mode{"session": Session, "transaction": Transaction} {
		parsed := join(sParsed(), sReady('I'))
		if mode == Transaction {
			parsed = join(sClosed(), parsed)
		}
		b.Run(name, func(b *testing.B) { exchange(b, mode, said, answered, join(mParse("P0_1", account), mSync()), parsed) })
	}
}

func BenchmarkRows(b *testing.B) {
	var rows []byte
	for range 200 {
		rows = append(rows, sRow("some 40 bytes of text in a single column")...)
	}
	answered := join(sRows(), rows, sTag("SELECT 200"), sReady('I'))
	b.SetBytes(int64(len(answered)))
	exchange(b, Transaction, mQuery(account), answered)
}

// BenchmarkChangeOfServers is what a transaction costs whose server had another client before.
func BenchmarkChangeOfServers(b *testing.B) {
	r := newRig(b, Transaction)
	said, answered := mQuery(account), accountAnswer()
	other := r.client(Transaction)
	b.ReportAllocs()
	defer processor(b)()
	for b.Loop() {
		r.c.Detach()
		r.c, other = other, r.c
		if r.c.Settle(r.s) != "" {
			b.Fatal("to be settled")
		}
		r.c.Attach(r.s)
		if _, err := r.c.Forward(said, &r.o); err != nil {
			b.Fatal(err)
		}
		if _, err := r.c.Backward(answered, &r.o); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLexer(b *testing.B) {
	text := []byte("SELECT a.id, b.name, 'text' || $1 FROM accounts AS a JOIN branches AS b ON a.bid = b.bid WHERE a.aid = $2 ORDER BY a.id LIMIT 10")
	b.SetBytes(int64(len(text)))
	var l lexer
	defer processor(b)()
	for b.Loop() {
		l.start(false)
		l.feed(text)
		if l.finish() != 0 {
			b.Fatal("words were found")
		}
	}
}
