package lane_test

import (
	"io"
	"sync"
	"testing"

	"holdfast/internal/lane"
)

// Large and small answers of one connection come from several loops, and still in order and whole.
func TestAConnectionMovesBetweenLoopsWithItsRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 400<<10), lane.Options{Loops: 4})
	const peers, rounds = 4, 8
	var all sync.WaitGroup
	for range peers {
		p := s.dial(t)
		all.Go(func() {
			for range rounds {
				p.send(get("/small") + get("/large") + get("/small") + get("/large") + get("/large"))
				for _, want := range []string{smallBody, "", smallBody, "", ""} {
					_, b := p.get("GET")
					if want != "" && b != want || want == "" && !same([]byte(b), content(400<<10)) {
						t.Errorf("%d bytes that differ", len(b))
						return
					}
				}
			}
		})
	}
	all.Wait()
	eventually(t, "all were answered in the lane", func() bool {
		st := s.lane.Load().Stats()
		return st.Answered == peers*rounds*5 && st.Moved >= peers*rounds && st.HandedOver == 0
	})
}

// With a single loop nobody has anywhere to go.
func TestThereIsNoMoveWithoutASecondLoop(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 400<<10), lane.Options{})
	p := s.dial(t)
	if !same([]byte(p.ask("/large")), content(400<<10)) || p.ask("/small") != smallBody {
		t.Error("answers differ")
	}
	if n := s.lane.Load().Stats().Moved; n != 0 {
		t.Errorf("%d moves", n)
	}
}

// Stop comes at any moment of a move: nothing is left behind.
func TestStopFindsConnectionsThatMove(t *testing.T) {
	t.Parallel()
	for range 5 {
		s := newSite(t, newShelf(t, 300<<10), lane.Options{Loops: 3})
		var all, ready sync.WaitGroup
		for range 6 {
			p := s.dial(t)
			ready.Add(1)
			all.Go(func() {
				p.send(get("/small"))
				_, _ = p.in.Peek(1)
				ready.Done()
				all.Go(func() { _, _ = io.Copy(io.Discard, p.in) })
				for err := error(nil); err == nil; { // until Stop closes the connection
					_, err = io.WriteString(p.Conn, get("/large")+get("/small"))
				}
			})
		}
		ready.Wait()
		front := s.lane.Load()
		if err := s.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if st := front.Stats(); st.Conns != 0 {
			t.Errorf("after Stop: %+v", st)
		}
	}
}

func get(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n" }
