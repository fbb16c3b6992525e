package lane_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/lane"
)

// marked answers like other, and says of all paths that begin with "/mine" that the lane would have answered them.
func marked(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/mine") {
		lane.Mine(r.Context())
	}
	other(w, r)
}

// A connection comes back when net/http has answered two requests in a row that were the lane's, and not before.
func TestAConnectionComesBackFromNetHTTP(t *testing.T) {
	t.Parallel()
	s := newSiteWith(t, newShelf(t, 100), lane.Options{}, http.HandlerFunc(marked))
	p := s.dial(t)
	stats := func() lane.Stats { return s.lane.Load().Stats() }
	for i, path := range []string{"/other", "/mine", "/other", "/mine", "/other", "/small"} {
		p.ask(path)
		if st := stats(); st.Returned != 0 || st.Answered != 0 || st.HandedOver != 1 {
			t.Fatalf("after %d requests: %+v", i+1, st)
		}
	}
	p.ask("/mine1")
	p.ask("/mine2")
	eventually(t, "the connection is back", func() bool { return stats().Returned == 1 })
	for range 3 {
		if got := p.ask("/small"); got != smallBody {
			t.Fatalf("the lane answers %q", got)
		}
	}
	eventually(t, "three answers", func() bool { return stats().Answered == 3 && stats().Conns == 1 })
	p.send("POST /mine HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab") // bodies are net/http's, and it may come back from there, too
	if _, body := p.get("POST"); body != "other POST /mine h 2" {
		t.Errorf("%q", body)
	}
	p.ask("/mine")
	eventually(t, "the connection is back again", func() bool { return stats().Returned == 2 })
}

// One that comes back for nothing comes back more and more seldom.
func TestAConnectionThatComesBackForNothingIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSiteWith(t, newShelf(t, 100), lane.Options{}, http.HandlerFunc(marked))
	p := s.dial(t)
	for range 400 {
		p.ask("/mine") // the shelf does not know it
	}
	if n := s.lane.Load().Stats().Returned; n < 4 || n > 8 {
		t.Errorf("came back %d times in 400 requests", n)
	}
}

// Whatever is read ahead of the request that net/http is with, nothing of it is lost, wherever the bytes are cut: also in heads that are longer than
// net/http's buffer.
func TestNothingIsLostOnTheWayBack(t *testing.T) {
	t.Parallel()
	s := newSiteWith(t, newShelf(t, 100), lane.Options{}, http.HandlerFunc(marked))
	for _, pad := range []int{0, 1, 3900, 3990, 4020, 4040, 4060, 8100, 8150} {
		one := "GET /mine HTTP/1.1\r\nHost: h\r\nA: " + repeat("x", pad) + "\r\n\r\n"
		all := repeat(one, 3) + "POST /mine HTTP/1.1\r\nHost: h\r\nContent-Length: 4096\r\n\r\n" + repeat("y", 4096) + one + "GET /small HTTP/1.1\r\nHost: h\r\n\r\n"
		step := max(1, len(all)/60)
		for cut := 1; cut < len(all); cut += step {
			p := s.dial(t)
			p.send(all[:cut])
			var sent sync.WaitGroup
			sent.Go(func() { _, _ = io.WriteString(p.Conn, all[cut:]) })
			for i, want := range []string{"other GET /mine h 0", "other GET /mine h 0", "other GET /mine h 0", "other POST /mine h 4096", "other GET /mine h 0"} {
				method, _, _ := strings.Cut(strings.TrimPrefix(want, "other "), " ")
				if _, got := p.get(method); got != want {
					t.Fatalf("pad %d, cut at %d, answer %d: %q; want %q", pad, cut, i, got, want)
				}
			}
			if _, got := p.get("GET"); got != smallBody && got != "other GET /small h 0" {
				t.Fatalf("pad %d, cut at %d: at the end %q", pad, cut, got)
			}
			sent.Wait()
			_ = p.Close()
		}
	}
}

// Connections on their way while the server stops are answered or closed, and none is left (newSite looks).
func TestStoppingWhileConnectionsComeBack(t *testing.T) {
	t.Parallel()
	for range 10 {
		s := newSiteWith(t, newShelf(t, 100), lane.Options{Loops: 2}, http.HandlerFunc(marked))
		var all sync.WaitGroup
		for range 8 {
			p := s.dial(t)
			all.Go(func() {
				for {
					for _, path := range []string{"/mine", "/mine", "/small", "/small"} {
						if err := p.try(path); err != nil {
							return
						}
					}
				}
			})
		}
		eventually(t, "some came back", func() bool { return s.lane.Load().Stats().Returned > 20 })
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
		all.Wait()
	}
}

// try is ask for a connection that may end.
func (p *peer) try(path string) error {
	if _, err := io.WriteString(p.Conn, "GET "+path+" HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
		return err
	}
	r, err := http.ReadResponse(p.in, &http.Request{Method: http.MethodGet})
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || string(b) != smallBody && string(b) != "other GET "+path+" h 0" {
		return errors.Join(err, errors.New("another answer: "+string(b)))
	}
	return nil
}
