package relay

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"holdfast/internal/pgwire"
)

func TestTheQueueIsARing(t *testing.T) {
	t.Parallel()
	var q queue
	var want []Note
	rnd := rand.New(rand.NewPCG(1, 1))
	for i := range Note(10_000) {
		switch rnd.IntN(5) {
		case 0, 1, 2:
			e := q.push(opSync, 0)
			if *e != (entry{op: opSync}) {
				t.Fatalf("an entry that was used before is not clean: %+v", *e)
			}
			e.note, e.name = i, "x"
			want = append(want, i)
		case 3:
			if !q.empty() {
				q.pop()
				want = want[1:]
			}
		default:
			if n := len(want); n > 2 {
				k := rnd.IntN(n)
				q.remove(k)
				want = append(want[:k], want[k+1:]...)
			}
		}
		if q.size != len(want) || (q.first() == nil) != (len(want) == 0) || (q.last() == nil) != (len(want) == 0) {
			t.Fatalf("size %d, want %d", q.size, len(want))
		}
	}
	for i, w := range want {
		if q.at(i).note != w {
			t.Fatalf("at %d: %d, want %d", i, q.at(i).note, w)
		}
	}
	if q.first().note != want[0] || q.last().note != want[len(want)-1] {
		t.Error("first or last")
	}
	ring := q.ring
	q.drop(q.size)
	for i := range ring {
		if ring[i] != (entry{}) {
			t.Fatal("what left the queue is kept")
		}
	}
	if len(q.ring) > maxRing {
		t.Errorf("an empty queue keeps room for %d", len(q.ring))
	}
}

func TestTheQueueFindsKinds(t *testing.T) {
	t.Parallel()
	var q queue
	for _, o := range []op{opParse, opBind, opSync, opQuery} {
		q.push(o, 0)
	}
	f := func(from int, a, b op, want int) {
		t.Helper()
		if got := q.find(from, a, b); got != want {
			t.Errorf("find(%d, %d, %d) = %d, want %d", from, a, b, got, want)
		}
	}
	f(0, opParse, opSync, 0)
	f(1, opParse, opSync, 2)
	f(0, opQuery, opQuery, 3)
	f(0, opClose, opClose, 4)
	f(9, opClose, opClose, 4)
}

func TestOutHandsOnTheInputAsLongAsItIsOneStretch(t *testing.T) {
	t.Parallel()
	in := []byte("abcdefgh")
	var o Out
	f := func(want string, same bool, do func()) {
		t.Helper()
		o.begin(in)
		do()
		got := o.Bytes()
		if string(got) != want {
			t.Errorf("%q, want %q", got, want)
		}
		if shared := len(got) > 0 && &got[0] == &in[o.from]; shared != same {
			t.Errorf("%q: shares the input is %t", got, shared)
		}
	}
	f("", false, func() {})
	f("abc", true, func() { o.keep(0, 3) })
	f("bcd", true, func() { o.keep(1, 2); o.keep(2, 4) })
	f("abfg", false, func() { o.keep(0, 2); o.keep(5, 7) })
	f("abXcd", false, func() { o.keep(0, 2); o.put(append(o.buffer(), 'X')); o.keep(2, 4) })
	f("Xcd", false, func() { o.put(append(o.buffer(), 'X')); o.keep(2, 4) })
	f("cd", true, func() { o.keep(1, 1); o.keep(2, 4) })
	o.Shrink(0)
	if o.buf != nil {
		t.Error("Shrink keeps the buffer")
	}
}

func TestServersKeepTheStatementsThatWereUsedLast(t *testing.T) {
	t.Parallel()
	r := NewRegistry()
	var l statements
	l.init(r, 2)
	st := func(text string) *Statement {
		return r.intern(pgwire.Statement{Query: []byte(text)}, 0, func([]byte) verdict { return verdict{} })
	}
	a, b, c := st("a"), st("b"), st("c")
	if st("a") != a || a == b {
		t.Fatal("the registry does not know a text again")
	}
	r.release(a)
	l.add(a, 1)
	l.add(b, 1)
	if l.oldest(1) != nil {
		t.Error("what the transaction used is to be closed")
	}
	if l.oldest(2) != a {
		t.Error("a is the oldest")
	}
	if l.use(a, 2) == nil || l.oldest(2) != b || l.use(c, 2) != nil {
		t.Error("use")
	}
	a.version.Add(1)
	if l.use(a, 2) != nil {
		t.Error("a has to be prepared anew")
	}
	l.remove(a)
	l.remove(a)
	if l.oldest(3) != nil {
		t.Error("there is room")
	}
	for _, s := range []*Statement{a, b, c} {
		r.release(s)
	}
	if n := r.Len(); n != 1 {
		t.Errorf("%d statements are known, b is used", n)
	}
	l.clear()
	if n := r.Len(); n != 0 {
		t.Errorf("%d statements are known, none is used", n)
	}
}

func TestStatementsAreToldApartByTextTypesAndSettings(t *testing.T) {
	t.Parallel()
	r := NewRegistry()
	seen := map[*Statement]string{}
	for _, text := range []string{"", "a", "ab"} {
		for _, oids := range []string{"", "\x00\x00\x00\x17", "\x00\x00\x00\x17\x00\x00\x00\x19"} {
			for settings := range uint64(2) {
				p := pgwire.Statement{Query: []byte(text), OIDs: []byte(oids)}
				s := r.intern(p, settings, func([]byte) verdict { return verdict{words: Listen} })
				key := fmt.Sprintf("%q %q %d", text, oids, settings)
				if other, taken := seen[s]; taken {
					t.Errorf("%s is %s", key, other)
				}
				seen[s] = key
				if string(s.Text()) != text || s.words != Listen {
					t.Errorf("%s: %q %b", key, s.Text(), s.words)
				}
				if again := r.again(s, settings); again != s {
					t.Errorf("%s is not itself", key)
				}
				if other := r.again(s, settings+7); other == s || string(other.parse) != string(s.parse) || other.words != s.words {
					t.Errorf("%s under other settings: %+v", key, other)
				}
			}
		}
	}
}

func TestTheUnnamedStatementComesBackWhenWhatReplacedItIsSkipped(t *testing.T) {
	t.Parallel()
	var u unnamedStatements
	now := func(want uint64) {
		t.Helper()
		if got := u.now.serial; got != want || want != 0 && u.absent() {
			t.Fatalf("it is %d, want %d", got, want)
		}
	}
	add := func(serial uint64) { u.set(serial).parse = append(u.now.parse, byte(serial)) }
	add(1)
	u.prove(1)
	add(2)
	add(3)
	u.skip(3)
	u.skip(2)
	now(1)
	if string(u.now.parse) != "\x01" {
		t.Errorf("its text is %q", u.now.parse)
	}
	add(4)
	add(5)
	u.prove(4)
	u.skip(5)
	now(4)
	add(6)
	add(7)
	u.skip(6) // of an earlier pipeline than 7
	now(7)
	u.skip(7)
	now(4)
	add(8)
	u.fail(8)
	now(0)
	add(9)
	add(10)
	u.fail(9)
	u.skip(10)
	if !u.absent() {
		t.Error("a Parse that failed leaves none")
	}
	for i := range uint64(100) {
		add(100 + i)
	}
	if len(u.before) != maxBefore {
		t.Errorf("%d are kept", len(u.before))
	}
	u.prove(199)
	if len(u.before) != 0 {
		t.Errorf("%d are kept", len(u.before))
	}
}

func TestTheNameInADeallocateIsFound(t *testing.T) {
	t.Parallel()
	f := func(sql, want string, ok bool) {
		t.Helper()
		if got, found := deallocated(sql); found != ok || ok && got != want {
			t.Errorf("%q: %q %t", sql, got, found)
		}
	}
	f("DEALLOCATE s1", "s1", true)
	f("deallocate PREPARE S1 ; ", "s1", true)
	f(`DEALLOCATE "S 1";`, "S 1", true)
	f("DEALLOCATE prepare", "prepare", true)
	f("DEALLOCATE ALL", "", false)
	f("DEALLOCATE PREPARE ALL", "", false)
	f("DEALLOCATE", "", false)
	f("DEALLOCATE a; SELECT 1", "", false)
	f(`DEALLOCATE "a""b"`, "", false)
	f("SELECT 1", "", false)
}
