package lane_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lane"
)

// talk sends bytes, says that no more follow, and returns everything that comes back.
func talk(t testing.TB, addr, request string) string {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, request) // the other side may close before it has read all of it
	_ = c.(*net.TCPConn).CloseWrite()
	b, _ := io.ReadAll(c) // the same
	lines := strings.SplitAfter(string(b), "\r\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "Date: ") || strings.HasPrefix(l, "X-Request-Id: ") {
			lines[i] = ""
		}
	}
	return strings.Join(lines, "")
}

// What is doubtful gets the answer of net/http, to the byte, and so does what is sent behind it: nobody in between is
// told another story than we read.
func TestDoubtfulRequestsGetTheAnswerOfNetHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	plain := httptest.NewServer(http.HandlerFunc(other))
	t.Cleanup(plain.Close)
	for name, request := range lane.Doubtful() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request += "GET /other HTTP/1.1\r\nHost: h\r\n\r\n"
			got, want := talk(t, s.addr, request), talk(t, plain.Listener.Addr().String(), request)
			if got != want {
				t.Errorf("%q\nis answered %q\nand by net/http %q", request, got, want)
			}
		})
	}
}

func TestAHeadMayArriveByteByByteAndMustArriveInTime(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{}.WithTimes(300*time.Millisecond, time.Minute, time.Minute))
	p := s.dial(t)
	for _, c := range "GET /small HTTP/1.1\r\nHost: h\r\n\r\n" {
		p.send(string(c))
	}
	if _, b := p.get("GET"); b != smallBody {
		t.Errorf("body %q", b)
	}
	for _, begin := range []string{"", "G", "GET /small HTTP/1.1\r\nHost: h\r\n"} {
		began := time.Now()
		p := s.dial(t)
		p.send(begin)
		if b, err := io.ReadAll(p); len(b) > 0 || err != nil {
			t.Errorf("after %q: %q, %v", begin, b, err)
		}
		if took := time.Since(began); took < 250*time.Millisecond || took > 5*time.Second {
			t.Errorf("after %q: closed after %v", begin, took)
		}
	}
	slow := s.dial(t) // a byte now and then does not prolong the time
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		<-tick.C
		if _, err := slow.Write([]byte("G"[:1])); err != nil {
			break
		}
		if time.Since(began) > 5*time.Second {
			t.Fatal("a byte now and then keeps a connection for ever")
		}
		if s.lane.Load().Stats().HandedOver > 0 { // "GG" is no request of ours: net/http has the time now
			return
		}
	}
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{}.WithTimes(time.Minute, 200*time.Millisecond, time.Minute))
	p := s.dial(t)
	for range 3 {
		if b := p.ask("/small"); b != smallBody {
			t.Fatalf("body %q", b)
		}
	}
	began := time.Now()
	if _, err := p.in.ReadByte(); err != io.EOF || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestAThousandRequestsAtOnceAreAnsweredInOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 300<<10), lane.Options{})
	p := s.dial(t)
	go func() { // ends with the connection, which the test closes
		var all strings.Builder
		for i := range 1000 {
			path := "/small"
			if i%100 == 7 {
				path = "/large"
			}
			fmt.Fprintf(&all, "GET %s HTTP/1.1\r\nHost: h\r\nX-Request-Id: number-%d\r\n\r\n", path, i)
		}
		_, _ = io.WriteString(p.Conn, all.String())
	}()
	for i := range 1000 {
		r, b := p.get("GET")
		want := len(smallBody)
		if i%100 == 7 {
			want = 300 << 10
		}
		if id := r.Header.Get("X-Request-Id"); id != fmt.Sprintf("number-%d", i) || len(b) != want {
			t.Fatalf("answer %d is %q with %d bytes", i, id, len(b))
		}
	}
	eventually(t, "all were answered in the lane", func() bool { return s.lane.Load().Stats().Answered == 1000 })
}

func TestWhatFollowsSimpleRequestsIsHandedOverInOrder(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	p := s.dial(t)
	p.send("GET /small HTTP/1.1\r\nHost: h\r\n\r\nPOST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\n" +
		"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\nGET /small HTTP/1.1\r\nHost: h\r\n\r\n")
	for _, want := range []string{smallBody, "other POST /x h 35", "other GET /small h 0"} {
		if _, b := p.get("GET"); b != want {
			t.Errorf("got %q, want %q", b, want)
		}
	}
}

func TestALongHeadIsNetHTTPsBusiness(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	for what, head := range map[string]string{
		"lines": repeat("A: b\r\n", 100_000), "line": "A: " + repeat("b", 1<<20) + "\r\n",
	} {
		got := talk(t, s.addr, "GET /small HTTP/1.1\r\nHost: h\r\n"+head+"\r\n")
		if got != "" && !strings.Contains(got, " 431 ") { // it may reset the connection before we have read it
			t.Errorf("%s: %q", what, got)
		}
	}
	p := s.dial(t)
	p.send("GET /small HTTP/1.1\r\nHost: h\r\nA: " + repeat("b", 40<<10) + "\r\n\r\n")
	if _, b := p.get("GET"); b != "other GET /small h 0" {
		t.Errorf("body %q", b)
	}
	p = s.dial(t)
	p.send("GET /small HTTP/1.1\r\nHost: h\r\nA: " + repeat("b", 15<<10) + "\r\n\r\n")
	if _, b := p.get("GET"); b != smallBody {
		t.Errorf("body %q", b)
	}
}

func TestAPeerThatWritesNoMoreStillGetsItsAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 8<<20), lane.Options{})
	for path, size := range map[string]int{"/small": len(smallBody), "/large": 8 << 20, "/elsewhere": 0} {
		p := s.dial(t)
		p.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		_ = p.Conn.(*net.TCPConn).CloseWrite()
		if _, b := p.get("GET"); len(b) < size {
			t.Errorf("%s: %d bytes", path, len(b))
		}
		if _, err := p.in.ReadByte(); err != io.EOF {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestConnectionCloseIsTheLastRequest(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	got := talk(t, s.addr, "GET /small HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /small HTTP/1.1\r\nHost: h\r\n\r\n")
	if strings.Count(got, smallBody) != 1 || !strings.Contains(got, "\r\nConnection: close\r\n") {
		t.Errorf("%q", got)
	}
}

func TestAPeerThatResetsInTheMiddleOfAFileLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 32<<20), lane.Options{})
	for range 20 {
		p := s.dial(t)
		p.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\n")
		_, _ = p.in.ReadByte()
		_ = p.Conn.(*net.TCPConn).SetLinger(0)
		_ = p.Close()
	}
	eventually(t, "all connections are over", func() bool { return s.lane.Load().Stats().Conns == 0 && s.shelf.lent.Load() == 0 })
}

func TestAPeerThatDoesNotReadIsCutOffAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 32<<20), lane.Options{}.WithTimes(time.Minute, time.Minute, 300*time.Millisecond))
	var stopped []*peer
	for range 4 {
		p := s.dial(t)
		p.send(repeat("GET /large HTTP/1.1\r\nHost: h\r\n\r\n", 3))
		stopped = append(stopped, p)
	}
	for range 100 {
		if b := s.dial(t).ask("/small"); b != smallBody {
			t.Fatalf("body %q", b)
		}
	}
	eventually(t, "they are cut off", func() bool { return s.shelf.lent.Load() == 0 })
	for _, p := range stopped {
		if b, err := io.ReadAll(p); err == nil && len(b) > 90<<20 {
			t.Error("it got all of it")
		}
	}
}

func TestASlowPeerIsServedAsLongAsItMoves(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 16<<20), lane.Options{}.WithTimes(time.Minute, time.Minute, time.Second))
	p := s.dial(t)
	p.send("GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	tick := time.NewTicker(15 * time.Millisecond) // in all two seconds
	defer tick.Stop()
	var got bytes.Buffer
	for {
		<-tick.C
		_, err := io.CopyN(&got, p.in, 128<<10)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", got.Len(), err)
		}
	}
	_, body, _ := bytes.Cut(got.Bytes(), []byte("\r\n\r\n"))
	if !same(body, content(16<<20)) {
		t.Errorf("%d bytes that differ", len(body))
	}
}

func TestAFileThatIsTooShortEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{})
	p := s.dial(t)
	p.send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n")
	r, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return // reset before the head was read
	}
	if b, err := io.ReadAll(r.Body); err == nil {
		t.Errorf("%d bytes are taken for a whole of %d", len(b), r.ContentLength)
	}
	_ = r.Body.Close()
}

func TestBytesThatAreOnDiskAreFetchedFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 6<<20), lane.Options{})
	if !lane.Forget(s.shelf.file) {
		t.Log("the file system keeps the bytes in memory: this proves less here")
	}
	p := s.dial(t)
	p.send("GET /large HTTP/1.1\r\nHost: h\r\n\r\nGET /small HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, b := p.get("GET"); !same([]byte(b), content(6<<20)) {
		t.Errorf("%d bytes that differ", len(b))
	}
	if _, b := p.get("GET"); b != smallBody {
		t.Errorf("body %q", b)
	}
}

func TestAtTheLimitTheIdleMakeRoom(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{MaxConns: 4})
	var all []*peer
	for range 4 {
		p := s.dial(t)
		if b := p.ask("/small"); b != smallBody {
			t.Fatalf("body %q", b)
		}
		all = append(all, p)
	}
	if b := s.dial(t).ask("/small"); b != smallBody {
		t.Fatalf("body %q", b)
	}
	if _, err := all[0].in.ReadByte(); err != io.EOF {
		t.Errorf("the one that is idle for longest: %v", err)
	}
	if b := all[3].ask("/small"); b != smallBody {
		t.Errorf("another: %q", b)
	}
}

func TestAtTheLimitTheNextOnesWait(t *testing.T) {
	t.Parallel()
	s := newSite(t, newShelf(t, 100), lane.Options{MaxConns: 2})
	one, two := s.dial(t), s.dial(t)
	for _, p := range []*peer{one, two} {
		if b := p.ask("/elsewhere"); b != "other GET /elsewhere h 0" {
			t.Fatalf("body %q", b)
		}
	}
	three := s.dial(t)
	three.send("GET /small HTTP/1.1\r\nHost: h\r\n\r\n")
	_ = three.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if _, err := three.in.Peek(1); err == nil {
		t.Error("a third connection was served")
	}
	_ = three.SetReadDeadline(time.Now().Add(20 * time.Second))
	_ = one.Close()
	if _, b := three.get("GET"); b != smallBody {
		t.Errorf("body %q", b)
	}
}

// Not parallel: it counts the descriptors of the process.
func TestNoDescriptorIsLeft(t *testing.T) {
	count := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := count()
	t.Run("use", func(t *testing.T) {
		s := newSite(t, newShelf(t, 4<<20), lane.Options{Loops: 2})
		for i := range 200 {
			p := s.dial(t)
			p.send([]string{
				"GET /small HTTP/1.1\r\nHost: h\r\n\r\n", "GET /large HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\n", "GET /elsewhere HTTP/1.1\r\n",
				"GET /cold HTTP/1.1\r\nHost: h\r\n\r\n",
			}[i%5])
			if i%2 == 0 {
				_ = p.Close()
			}
		}
	})
	eventually(t, fmt.Sprintf("as many descriptors as before: %d", before), func() bool { return count() <= before })
}
