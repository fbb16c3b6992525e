package lane

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// read is what the lane does with bytes that arrive all at once.
func read(b []byte) (q *Request, end int, simple bool) {
	q = new(Request)
	end, odd := headEnd(b, 0)
	if odd || end == 0 {
		return q, 0, false
	}
	return q, end, q.parse(b[:end])
}

func TestWhatABrowserSendsIsSimple(t *testing.T) {
	b := []byte("GET /m/k.1.i.s/0123/a%20b.png?x=1 HTTP/1.1\r\nHost: example.com:8000\r\nConnection: Keep-Alive\r\n" +
		"User-Agent: Mozilla/5.0\r\nAccept: */*\r\nCookie:  a=b; c=\t\r\nOrigin:\r\nX-Request-Id: abcdefgh\r\n\r\nGET /next")
	q, end, ok := read(b)
	if !ok || string(b[end:]) != "GET /next" {
		t.Fatalf("simple %v, end %d", ok, end)
	}
	if q.Method != "GET" || string(q.Path) != "/m/k.1.i.s/0123/a%20b.png" || string(q.Query) != "x=1" ||
		string(q.Host) != "example.com:8000" || q.close || string(q.Get(Cookie)) != "a=b; c=" ||
		q.Get(Origin) == nil || q.Get(Range) != nil || string(q.Get(RequestID)) != "abcdefgh" {
		t.Errorf("%+v", q)
	}
	var all []string
	for name, value := range q.All() {
		all = append(all, string(name)+"="+string(value))
	}
	if got := strings.Join(all, "|"); got != "Host=example.com:8000|Connection=Keep-Alive|User-Agent=Mozilla/5.0|Accept=*/*|Cookie=a=b; c=|Origin=|X-Request-Id=abcdefgh" {
		t.Errorf("all fields: %s", got)
	}
	if n := testing.AllocsPerRun(100, func() {
		q.parse(b[:end])
		for range q.All() {
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What does not fit is net/http's, and nothing is left out silently.
func TestARequestWithManyFieldsIsNetHTTPs(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{maxFields - 1: true, maxFields: false} {
		b := []byte("GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("A: b\r\n", n) + "\r\n")
		if _, _, simple := read(b); simple != want {
			t.Errorf("%d fields and Host: simple %v", n, simple)
		}
	}
}

// Every one of these is net/http's to judge. What smuggles is a request that two readers end at different bytes, or take
// for different ones.
func TestNothingDoubtfulIsSimple(t *testing.T) {
	t.Parallel()
	for name, s := range doubtful() {
		if q, _, simple := read([]byte(s)); simple {
			t.Errorf("%s: taken as %+v", name, q)
		}
	}
}

// However the bytes arrive, the end is found at the same place.
func TestAHeadEndsWhereItEndsHoweverItArrives(t *testing.T) {
	t.Parallel()
	b := []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n")
	want, _ := headEnd(b, 0)
	for cut := range want {
		if end, odd := headEnd(b[:cut], 0); end != 0 || odd {
			t.Fatalf("after %d bytes: %d, %v", cut, end, odd)
		}
		if !promising(b[:cut]) {
			t.Fatalf("given up after %d bytes", cut)
		}
		if end, odd := headEnd(b, cut); end != want || odd {
			t.Errorf("from %d on: %d, %v; want %d", cut, end, odd, want)
		}
	}
}

func FuzzWhatIsSimpleIsTheSameToNetHTTP(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"HEAD /m/a.b/c%20d?e=f&g=%zz HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\nCookie: a=b\r\n\r\nGET /",
		"GET /a:b@c;d=e,f'g(h)*i!j$k HTTP/1.1\r\nhost:h\r\nConnection: Keep-Alive\r\nRange: bytes=1-\r\n\r\n",
		"GET /.a/..b/c. HTTP/1.1\r\nHost: h\r\nIf-Match: \"x\"\r\nX-Request-ID: \t y\r\nAccept:\r\n\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	f.Fuzz(func(t *testing.T, b []byte) {
		q, end, simple := read(b)
		if !simple {
			return
		}
		rest := bytes.NewReader(b)
		in := bufio.NewReader(rest)
		r, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("net/http refuses %q: %v", b[:end], err)
		}
		if left := rest.Len() + in.Buffered(); left != len(b)-end {
			t.Errorf("the head ends at %d, net/http has %d of %d left", end, left, len(b))
		}
		if body, err := io.ReadAll(r.Body); len(body) > 0 || err != nil || r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
			t.Errorf("net/http reads a body: %q, %v, %d, %v", body, err, r.ContentLength, r.TransferEncoding)
		}
		if r.Method != q.Method || r.Host != string(q.Host) || r.URL.EscapedPath() != string(q.Path) ||
			r.URL.RawQuery != string(q.Query) || r.ProtoMinor != 1 || r.Close != q.close {
			t.Errorf("%+v is to net/http %s %s %s %v", q, r.Method, r.URL, r.Host, r.Close)
		}
		if _, pattern := mux.Handler(r); pattern != "/" {
			t.Errorf("the mux redirects %q to %q", q.Path, pattern)
		}
		got := http.Header{}
		for name, value := range q.All() {
			if !strings.EqualFold(string(name), "Host") { // net/http keeps it apart
				got.Add(string(name), string(value))
			}
		}
		if !maps.EqualFunc(got, r.Header, slices.Equal) {
			t.Errorf("the fields are %q, to net/http %q", got, r.Header)
		}
		for f, name := range fieldNames() {
			all := r.Header.Values(name)
			if len(all) > 1 || len(all) == 1 != (q.fields[f] != nil) || strings.Join(all, "") != string(q.fields[f]) {
				t.Errorf("%s is %q, to net/http %q", name, q.fields[f], all)
			}
		}
	})
}

func fieldNames() [fields]string {
	return [...]string{
		Accept: "Accept", AcceptEncoding: "Accept-Encoding", Authorization: "Authorization", Cookie: "Cookie",
		IfMatch: "If-Match", IfModifiedSince: "If-Modified-Since", IfNoneMatch: "If-None-Match", IfRange: "If-Range",
		IfUnmodifiedSince: "If-Unmodified-Since", Origin: "Origin", Range: "Range", RequestID: "X-Request-Id",
	}
}
