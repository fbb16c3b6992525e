package epoll

import (
	"math/rand/v2"
	"testing"
)

func TestFramingFindsTheEndsOfRecordsHoweverTheyAreCut(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		var stream []byte
		ends := map[int]bool{}
		for range 20 {
			size := random.IntN(1 + random.IntN(1+random.IntN(20_000)))
			stream = append(stream, 23, 3, 3, byte(size>>8), byte(size))
			stream = append(stream, make([]byte, size)...)
			ends[len(stream)] = true
		}
		var f framing
		for at := 0; at < len(stream); {
			n := 1 + random.IntN(min(f.appetite(), len(stream)-at))
			f.pass(stream[at : at+n])
			ended := 0
			for i := at + 1; i <= at+n; i++ {
				if ends[i] {
					ended++
				}
			}
			at += n
			if want := ended == 1 && ends[at]; f.single != want {
				t.Fatalf("after %d bytes, the last %d of them at once: single %v; want %v", at, n, f.single, want)
			}
		}
	}
}
