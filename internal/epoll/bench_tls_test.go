package epoll_test

import (
	"fmt"
	"testing"
)

// sender writes through a Secure and takes the ciphertext away; only our end works.
func sender(t testing.TB, size int) (send func()) {
	t.Helper()
	s := open(t, terms{})
	text, sink := make([]byte, size), make([]byte, 256<<10)
	return func() {
		if _, err := s.ours.Write(text); err != nil {
			t.Fatal(err)
		}
		for left := true; left; left = s.ours.Pending() > 0 {
			_ = s.ours.Flush()
			if _, err := s.wire.Conn.Read(sink); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// receiver reads questions that were encrypted before, until there are no more.
func receiver(t testing.TB, questions int) (receive func()) {
	t.Helper()
	s := open(t, terms{})
	text, buf := make([]byte, question), make([]byte, 4096)
	records := make([][]byte, questions)
	for i := range records {
		_, _ = s.peer.Write(text)
		records[i] = s.wire.take()
	}
	return func() {
		if _, err := s.wire.Conn.Write(records[0]); err != nil {
			t.Fatal(err)
		}
		records = records[1:]
		if n, err := s.ours.Read(buf); n != question || err != nil {
			t.Fatal(n, err)
		}
		if s.ours.Buffered() {
			t.Fatal("still Buffered after all of the only record")
		}
	}
}

func BenchmarkTLS(b *testing.B) {
	for _, size := range []int{answer, 64 << 10} {
		b.Run(fmt.Sprintf("write/%d", size), func(b *testing.B) {
			send := sender(b, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
		})
	}
	b.Run(fmt.Sprintf("read/%d", question), func(b *testing.B) {
		receive := receiver(b, b.N)
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N { // not b.Loop: the questions are made in advance
			receive()
		}
	})
}

func TestTLSDoesNotAllocate(t *testing.T) {
	const runs = 1000
	send := sender(t, answer)
	if n := testing.AllocsPerRun(runs, send); n > pooled {
		t.Errorf("writing: %v allocations", n)
	}
	receive := receiver(t, runs+1)                       // one to warm up
	if n := testing.AllocsPerRun(runs, receive); n > 1 { // crypto/tls makes a reader of 24 bytes each time
		t.Errorf("reading: %v allocations", n)
	}
}
