package lane_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lane"
)

// conversation makes the bytes of some requests out of pieces, of which most are good and some are not.
func conversation(r *rand.Rand) string {
	pick := func(odd int, good []string, bad []string) string {
		if r.IntN(odd) == 0 {
			return bad[r.IntN(len(bad))]
		}
		return good[r.IntN(len(good))]
	}
	var b strings.Builder
	for range 1 + r.IntN(8) {
		end := pick(60, []string{"\r\n"}, []string{"\n", "\r", "\r\r\n", "\n\r\n"})
		b.WriteString(pick(12, []string{"GET", "GET", "HEAD"}, []string{"POST", "OPTIONS", "get", "GETT", "", "PUT"}))
		b.WriteString(pick(60, []string{" "}, []string{"  ", "\t", ""}))
		b.WriteString(pick(12, []string{"/small", "/part", "/memory", "/cold", "/x?y=%20", "/none"},
			[]string{"*", "//small", "/a/../small", "/small#x", "http://h/small", "/%zz", "/\x00", "/sm all", "small", "/.", "/%2e%2e/x"}))
		b.WriteString(pick(30, []string{" HTTP/1.1"}, []string{" HTTP/1.0", " HTTP/2.0", " HTTP/1.1 ", "", " http/1.1"}) + end)
		b.WriteString(pick(30, []string{"Host: h\r\n"}, []string{"", "Host: a\r\nHost: b\r\n", "Host:\r\n", "Host : h\r\n", "Host: a b\r\n"}))
		for range r.IntN(3) {
			b.WriteString(pick(5, []string{"A: b\r\n", "Cookie: a=b\r\n", "X-Request-Id: 0123456789\r\n", "Connection: keep-alive\r\n", "Accept: */*\r\n"},
				[]string{
					"Content-Length: 5\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding : chunked\r\n",
					"Connection: close\r\n", "Range: bytes=1-2\r\n", "Expect: 100-continue\r\n", " folded\r\n", "A\x00: b\r\n", "A: \x01\r\n",
					"Upgrade: h2c\r\n", "A\r\n", "Transfer-Encoding:\tchunked\r\nContent-Length: 3\r\n", "TE: trailers\r\n", "A: b\rC: d\r\n",
				}))
		}
		b.WriteString(pick(40, []string{"\r\n"}, []string{"", "\n", "hello\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n", "\r\nhello"}))
	}
	return b.String()
}

// answers sends a conversation in pieces and returns every answer, each as one line.
func answers(t testing.TB, addr, request string, pieces int) []string {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	for i := range pieces { // the other side may close before it has read all of it
		_, _ = io.WriteString(c, request[len(request)*i/pieces:len(request)*(i+1)/pieces])
	}
	_ = c.(*net.TCPConn).CloseWrite()
	var all []string
	in := bufio.NewReader(c)
	for {
		line, err := in.Peek(1)
		if err != nil || len(line) == 0 {
			return all
		}
		all = append(all, oneAnswer(in, len(all), request))
	}
}

// oneAnswer reads an answer. That to HEAD is recognized by what the conversation asks for in that place.
func oneAnswer(in *bufio.Reader, number int, request string) string {
	method := "GET"
	if starts := requestLines(request); number < len(starts) && strings.HasPrefix(starts[number], "HEAD") {
		method = "HEAD"
	}
	r, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		rest, _ := io.ReadAll(in)
		return "unreadable " + string(rest)
	}
	b, err := io.ReadAll(r.Body)
	r.Header.Del("Date")
	if len(r.Header.Get("X-Request-Id")) == 26 {
		r.Header.Set("X-Request-Id", "made here")
	}
	if r.Close && r.StatusCode >= 400 {
		err = nil // net/http closes with bytes unread, which may reset the connection behind the answer
	}
	return fmt.Sprintf("%d close=%v %v %q %v", r.StatusCode, r.Close, slices.Sorted(headerLines(r.Header)), b, err)
}

func headerLines(h http.Header) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name, values := range maps.All(h) {
			if !yield(fmt.Sprint(name, values)) {
				return
			}
		}
	}
}

// requestLines finds what looks like the beginning of a request.
func requestLines(s string) []string {
	var all []string
	for line := range strings.SplitSeq(s, "\n") {
		if strings.Contains(line, "HTTP/1.") {
			all = append(all, line)
		}
	}
	return all
}

// twin answers like the shelf, through net/http.
func (s *shelf) twin(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("X-Request-Id")
	if id == "" {
		id = repeat("x", 26)
	}
	w.Header().Set("X-Request-Id", id)
	w.Header().Set("Content-Type", "text/plain")
	body := map[string][]byte{"/small": []byte(smallBody), "/cold": []byte("warm now"), "/part": content(1100)[100:], "/memory": content(1100)[100:]}[r.URL.EscapedPath()]
	if body != nil {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	switch {
	case r.URL.Path == "/none":
		w.WriteHeader(http.StatusNoContent)
	case body == nil:
		other(w, r)
	case r.Method != http.MethodHead:
		_, _ = w.Write(body)
	}
}

// Whatever is said, and in whatever pieces it arrives, one is told the same through the lane as by net/http alone.
// HOLDFAST_SOAK makes it a long conversation.
func TestConversationsAreTheSameThroughTheLane(t *testing.T) {
	t.Parallel()
	shelf := newShelf(t, 2000)
	s := newSiteWith(t, shelf, lane.Options{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lane.Mine(r.Context()) // connections go to and fro in the middle of conversations
		shelf.twin(w, r)
	}))
	plain := httptest.NewServer(http.HandlerFunc(shelf.twin))
	t.Cleanup(plain.Close)
	rounds := 400
	if os.Getenv("HOLDFAST_SOAK") != "" {
		rounds = 50_000
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range rounds {
		request, pieces := conversation(r), 1+r.IntN(4)
		got, want := answers(t, s.addr, request, pieces), answers(t, plain.Listener.Addr().String(), request, pieces)
		if !slices.Equal(got, want) {
			t.Fatalf("%q in %d pieces\nis answered %q\nand by net/http %q", request, pieces, got, want)
		}
	}
	if st := s.lane.Load().Stats(); st.Answered < int64(rounds)/4 || st.HandedOver < int64(rounds)/10 || st.Returned == 0 {
		t.Errorf("one-sided: %+v", st)
	}
}
