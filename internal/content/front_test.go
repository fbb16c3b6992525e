package content

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/coursegen"
)

// line is a connection to a content socket, as an application that writes its own bytes has it.
type line struct {
	net.Conn
	*bufio.Reader
}

func dial(t testing.TB, socket string) line {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return line{c, bufio.NewReader(c)}
}

// Read is that of the buffer.
func (l line) Read(p []byte) (int, error) { return l.Reader.Read(p) }

// post is a request as bytes. Fields are whole lines.
func post(verb, body, fields string) string {
	return fmt.Sprintf("POST /v1/content/%s HTTP/1.1\r\nHost: holdfast\r\n%sContent-Length: %d\r\n\r\n%s", verb, fields, len(body), body)
}

func (l line) send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(l.Conn, text); err != nil {
		t.Fatal(err)
	}
}

// answer reads one.
func (l line) answer(t testing.TB) (*http.Response, string) {
	t.Helper()
	r, err := http.ReadResponse(l.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Header.Get("Content-Length"); got != "" && got != fmt.Sprint(len(b)) {
		t.Errorf("Content-Length %q of %d bytes", got, len(b))
	}
	r.Header.Del("Content-Length") // an answer tells how long it took: in more digits, or fewer
	r.Header.Del("Date")
	return r, string(b)
}

// S4-21: whoever answers on the content socket, the front or net/http, the answer is the same. The field TE makes a request one
// for net/http.
func TestTheFrontAnswersAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 81, Questions: 2})
	c := w.node()
	publish(t, c)
	ensure(t, c, "elements")
	const id = "X-Request-Id: one-and-the-same\r\n"
	for _, q := range []struct{ verb, body, fields string }{
		{"ensure", `{"source":"course","want":["elements"],"lease":"none"}`, ""},
		{"ensure", `{"source":"nowhere","want":["elements"]}`, ""},
		{"ensure", `{"source":"course","wants":["elements"]}`, ""},
		{"ensure", `{"source":"course","want":["elements"],"lease":"for-ever"}`, ""},
		{"ensure", "", "Accept: */*\r\n"},
		{"ensure", "{", "Connection: close\r\n"},
		{"release", `{"lease":"no-such"}`, "Content-Type: application/json\r\nConnection: keep-alive\r\n"},
		{"renew", `{"lease":"no-such","ttl":"1h"}`, ""},
		{"revision", `{"source":"course"}`, "User-Agent: test/1.0 (x; y)\r\n"},
	} {
		ours, theirs := dial(t, c.cfg().Socket), dial(t, c.cfg().Socket)
		ours.send(t, post(q.verb, q.body, id+q.fields))
		got, gotBody := ours.answer(t)
		theirs.send(t, post(q.verb, q.body, id+"TE: trailers\r\n"+q.fields))
		want, wantBody := theirs.answer(t)
		if !maps.EqualFunc(got.Header, want.Header, slices.Equal) || got.StatusCode != want.StatusCode || got.Proto != want.Proto || got.Close != want.Close {
			t.Errorf("%s %s: %d %v close %v; net/http: %d %v close %v", q.verb, q.body, got.StatusCode, got.Header, got.Close, want.StatusCode, want.Header, want.Close)
		}
		if !sameAnswer(t, gotBody, wantBody) {
			t.Errorf("%s %s: %s; net/http: %s", q.verb, q.body, gotBody, wantBody)
		}
	}
}

// sameAnswer compares answers but for the times in them.
func sameAnswer(t *testing.T, a, b string) bool {
	t.Helper()
	var both [2]map[string]any
	for i, text := range []string{a, b} {
		if err := json.Unmarshal([]byte(text), &both[i]); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		delete(both[i], "waited_ms")
		delete(both[i], "url") // it has a second in it
	}
	return fmt.Sprint(both[0]) == fmt.Sprint(both[1])
}

// A connection that the front hands over keeps its leases, and whatever net/http refuses it refuses.
func TestAConnectionThatIsHandedOverKeepsItsLeases(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 82, Questions: 1})
	c := w.node()
	publish(t, c)
	l := dial(t, c.cfg().Socket)
	body := `{"source":"course","want":["elements"]}`
	l.send(t, post("ensure", body, "")+post("ensure", body, "")) // two at once
	for range 2 {
		if r, text := l.answer(t); r.StatusCode != http.StatusOK {
			t.Fatal(text)
		}
	}
	if n := stats(t, c).Leases; n != 2 {
		t.Fatalf("%d leases; want 2", n)
	}
	l.send(t, "GET /v1/nothing HTTP/1.1\r\nHost: holdfast\r\n\r\n")
	if r, _ := l.answer(t); r.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", r.StatusCode)
	}
	l.send(t, post("ensure", body, ""))
	if r, text := l.answer(t); r.StatusCode != http.StatusOK || stats(t, c).Leases != 3 {
		t.Errorf("after the handing over: %s, %d leases", text, stats(t, c).Leases)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, func() (bool, string) { return stats(t, c).Leases == 0, "leases of a closed connection" })
	for _, text := range []string{"nonsense\r\n\r\n", post("ensure", body, "Content-Length: 3\r\n")} {
		l := dial(t, c.cfg().Socket)
		l.send(t, text)
		if r, _ := l.answer(t); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: status %d", text, r.StatusCode)
		}
	}
}

// A request may come in pieces, and be large.
func TestARequestInPieces(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 83, Questions: 1})
	c := w.node()
	publish(t, c)
	l := dial(t, c.cfg().Socket)
	for _, b := range []byte(post("revision", `{"source":"course"}`, "")) {
		l.send(t, string(b))
	}
	if r, text := l.answer(t); r.StatusCode != http.StatusOK {
		t.Error(text)
	}
	for _, size := range []int{1 << 10, maxFrontBody, 1 << 19} {
		body := `{"source":"course"` + strings.Repeat(" ", size-19) + "}"
		l.send(t, post("revision", body, ""))
		if r, text := l.answer(t); r.StatusCode != http.StatusOK {
			t.Errorf("%d bytes: %s", size, text)
		}
	}
}

// halting is a store that gives nothing until it is told to.
type halting struct {
	blob.Store
	asked chan struct{}
	ended chan error
}

// Open implements blob.Store.
func (h *halting) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if !strings.HasPrefix(string(name), "content/v1/") {
		return h.Store.Open(ctx, name)
	}
	select {
	case h.asked <- struct{}{}:
	default:
	}
	<-ctx.Done()
	h.ended <- context.Cause(ctx)
	return nil, ctx.Err()
}

// Who goes away while a part is on its way to him is not waited for, and stopping cuts what does not end.
func TestWorkForAPeerThatIsGoneEnds(t *testing.T) {
	t.Parallel()
	w, _ := newNodes(t, coursegen.Options{Seed: 84, Questions: 1})
	publish(t, w.node())
	store := &halting{Store: w.store, asked: make(chan struct{}, 1), ended: make(chan error, 100)}
	c := w.node(func(o *Options) { o.Store, o.Config.Sync = store, false })
	within(t, 10*time.Second, func() (bool, string) { return stats(t, c).Published > 0, "nothing heard of" })
	l := dial(t, c.cfg().Socket)
	l.send(t, post("ensure", `{"source":"course","want":["elements"]}`, ""))
	<-store.asked
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-store.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the download goes on without anybody who wants it")
	}
	l = dial(t, c.cfg().Socket)
	l.send(t, post("ensure", `{"source":"course","want":["elements"]}`, ""))
	<-store.asked
	idle := dial(t, c.cfg().Socket)
	idle.send(t, post("revision", `{"source":"course"}`, ""))
	idle.answer(t)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_ = c.Stop(ctx) // that it had to cut is an error, and not the point
	if _, err := idle.ReadByte(); err == nil {
		t.Error("an idle connection outlives the socket")
	}
}

// FuzzFrontHead holds the reading of the front to that of net/http: what it takes for simple is the same request there.
func FuzzFrontHead(f *testing.F) {
	f.Add([]byte(post("ensure", "{}", "")))
	f.Add([]byte(post("renew", "{}", "Connection: close\r\nX-Request-Id: abc-def-0123\r\n") + post("release", "", "")))
	f.Add([]byte("POST /v1/content/ensure HTTP/1.1\r\nHost:a\r\ncontent-length:\t2 \r\n\r\n{}"))
	routes := new(Content).calls()
	f.Fuzz(func(t *testing.T, b []byte) {
		h, v := readHead(b, routes)
		if v != simple {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[:h.size])))
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b[:h.size], err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, h.body) || r.Method+" "+r.URL.Path != h.route || r.URL.RawQuery != "" || r.Close != h.last || r.Host == "" {
			t.Errorf("%q: net/http reads %s %s with %q, close %v, host %q, %v", b[:h.size], r.Method, r.URL, body, r.Close, r.Host, err)
		}
	})
}
