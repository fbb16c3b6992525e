package lane_test

import (
	"net/http"
	"testing"

	"holdfast/internal/lane"
)

func TestSimpleRequestsAreAnsweredInTheLane(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 5<<20), lane.Options{})
	p := s.dial(t)
	for range 3 {
		if b := p.ask("/small"); b != smallBody {
			t.Errorf("body %q", b)
		}
		if b := p.ask("/large"); !same([]byte(b), content(5<<20)) {
			t.Errorf("%d bytes that differ", len(b))
		}
		if b := p.ask("/part"); !same([]byte(b), content(1100)[100:]) {
			t.Errorf("%d bytes that differ", len(b))
		}
	}
	for _, path := range []string{"/small", "/large"} {
		p.send("HEAD " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		if r, b := p.get("HEAD"); r.StatusCode != http.StatusOK || b != "" || r.ContentLength <= 0 {
			t.Errorf("HEAD %s: %d, %q, length %d", path, r.StatusCode, b, r.ContentLength)
		}
	}
	p.send("GET /none HTTP/1.1\r\nHost: h\r\n\r\n")
	if r, b := p.get("GET"); r.StatusCode != http.StatusNoContent || b != "" || r.Header.Get("Content-Length") != "" {
		t.Errorf("no content: %d, %q, %v", r.StatusCode, b, r.Header)
	}
	eventually(t, "all were answered in the lane", func() bool {
		st := s.lane.Load().Stats()
		return st.Answered == 12 && st.HandedOver == 0
	})
}

func TestEverythingElseGoesToNetHTTPAndStaysThere(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	p := s.dial(t)
	if b := p.ask("/small"); b != smallBody {
		t.Errorf("body %q", b)
	}
	p.send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
	if _, b := p.get("POST"); b != "other POST /small h 5" {
		t.Errorf("body %q", b)
	}
	if b := p.ask("/small"); b != "other GET /small h 0" {
		t.Errorf("came back: %q", b)
	}
	if b := s.dial(t).ask("/elsewhere"); b != "other GET /elsewhere h 0" {
		t.Errorf("body %q", b)
	}
}

func TestWhatIsNotInMemoryIsWarmedOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	p := s.dial(t)
	if b := p.ask("/cold"); b != "warm now" {
		t.Errorf("body %q", b)
	}
	if b := p.ask("/cold"); b != "warm now" {
		t.Errorf("body %q", b)
	}
	if n := s.shelf.warmed.Load(); n != 1 {
		t.Errorf("warmed %d times", n)
	}
	if b := p.ask("/never"); b != "other GET /never h 0" {
		t.Errorf("body %q", b)
	}
	if n := s.shelf.warmed.Load(); n != 2 {
		t.Errorf("warmed %d times", n)
	}
}
