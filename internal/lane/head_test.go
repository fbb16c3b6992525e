package lane

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
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
	t.Parallel()
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
}

// Every one of these is net/http's to judge. What smuggles is a request that two readers end at different bytes, or take
// for different ones.
func TestNothingDoubtfulIsSimple(t *testing.T) {
	t.Parallel()
	const host = "Host: h\r\n"
	for name, s := range map[string]string{
		"POST":                      "POST / HTTP/1.1\r\n" + host + "\r\n",
		"OPTIONS":                   "OPTIONS / HTTP/1.1\r\n" + host + "\r\n",
		"lower case method":         "get / HTTP/1.1\r\n" + host + "\r\n",
		"HTTP/1.0":                  "GET / HTTP/1.0\r\n" + host + "\r\n",
		"HTTP/2 preface":            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"lower case version":        "GET / http/1.1\r\n" + host + "\r\n",
		"HTTP/1.11":                 "GET / HTTP/1.11\r\n" + host + "\r\n",
		"no version":                "GET /\r\n" + host + "\r\n",
		"two spaces":                "GET  / HTTP/1.1\r\n" + host + "\r\n",
		"space in the target":       "GET /a b HTTP/1.1\r\n" + host + "\r\n",
		"tab":                       "GET\t/ HTTP/1.1\r\n" + host + "\r\n",
		"space at the end":          "GET / HTTP/1.1 \r\n" + host + "\r\n",
		"absolute form":             "GET http://h/ HTTP/1.1\r\n" + host + "\r\n",
		"asterisk":                  "GET * HTTP/1.1\r\n" + host + "\r\n",
		"double slash":              "GET //h/ HTTP/1.1\r\n" + host + "\r\n",
		"dots":                      "GET /m/../u/ HTTP/1.1\r\n" + host + "\r\n",
		"dots at the end":           "GET /m/.. HTTP/1.1\r\n" + host + "\r\n",
		"dot before the query":      "GET /m/.?x HTTP/1.1\r\n" + host + "\r\n",
		"fragment":                  "GET /m/#x HTTP/1.1\r\n" + host + "\r\n",
		"backslash":                 "GET /m\\x HTTP/1.1\r\n" + host + "\r\n",
		"broken escape":             "GET /m/%2 HTTP/1.1\r\n" + host + "\r\n",
		"escape that is none":       "GET /m/%zz HTTP/1.1\r\n" + host + "\r\n",
		"NUL in the target":         "GET /m/\x00 HTTP/1.1\r\n" + host + "\r\n",
		"8 bit in the target":       "GET /m/\xfc HTTP/1.1\r\n" + host + "\r\n",
		"empty line first":          "\r\nGET / HTTP/1.1\r\n" + host + "\r\n",
		"bare LF":                   "GET / HTTP/1.1\nHost: h\n\n",
		"bare LF at the end":        "GET / HTTP/1.1\r\n" + host + "\n",
		"bare CR":                   "GET / HTTP/1.1\r\nA: b\rHost: h\r\n\r\n",
		"CR CR LF":                  "GET / HTTP/1.1\r\n" + "Host: h\r\r\n\r\n",
		"no Host":                   "GET / HTTP/1.1\r\nA: b\r\n\r\n",
		"empty Host":                "GET / HTTP/1.1\r\nHost:\r\n\r\n",
		"two Hosts":                 "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"the same Host twice":       "GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n",
		"list of Hosts":             "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
		"Host with a path":          "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"Host with user":            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
		"space before colon":        "GET / HTTP/1.1\r\n" + host + "Content-Length : 5\r\n\r\n",
		"tab before colon":          "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding\t: chunked\r\n\r\n",
		"space before the name":     "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
		"folded line":               "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n",
		"folded with tab":           "GET / HTTP/1.1\r\n" + host + "A: b\r\n\tTransfer-Encoding: chunked\r\n\r\n",
		"no colon":                  "GET / HTTP/1.1\r\n" + host + "A\r\n\r\n",
		"no name":                   "GET / HTTP/1.1\r\n" + host + ": a\r\n\r\n",
		"NUL in a name":             "GET / HTTP/1.1\r\n" + host + "A\x00: b\r\n\r\n",
		"NUL in a value":            "GET / HTTP/1.1\r\n" + host + "A: b\x00\r\n\r\n",
		"control in a value":        "GET / HTTP/1.1\r\n" + host + "A: \x0b\r\n\r\n",
		"DEL in a value":            "GET / HTTP/1.1\r\n" + host + "A: \x7f\r\n\r\n",
		"8 bit in a value":          "GET / HTTP/1.1\r\n" + host + "A: \xe4\r\n\r\n",
		"8 bit in a name":           "GET / HTTP/1.1\r\n" + host + "\xe4: a\r\n\r\n",
		"body":                      "GET / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello",
		"length 0":                  "GET / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n",
		"length -1":                 "GET / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
		"lengths that differ":       "GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"length and encoding":       "GET / HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked":                   "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked, in another case":  "GET / HTTP/1.1\r\n" + host + "tRANSFER-eNCODING: chunked\r\n\r\n0\r\n\r\n",
		"encoding of another kind":  "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n",
		"encoding, spaced":          "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding:\tchunked\r\n\r\n",
		"encodings":                 "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"empty encoding":            "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding:\r\n\r\n",
		"Upgrade":                   "GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"Upgrade alone":             "GET / HTTP/1.1\r\n" + host + "Upgrade: h2c\r\n\r\n",
		"Expect":                    "GET / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n\r\n",
		"TE":                        "GET / HTTP/1.1\r\n" + host + "TE: trailers\r\n\r\n",
		"Trailer":                   "GET / HTTP/1.1\r\n" + host + "Trailer: x\r\n\r\n",
		"Connection names a field":  "GET / HTTP/1.1\r\n" + host + "Connection: close, cookie\r\n\r\n",
		"close twice":               "GET / HTTP/1.1\r\n" + host + "Connection: close\r\nConnection: close\r\n\r\n",
		"keep-alive after close":    "GET / HTTP/1.1\r\n" + host + "Connection: close\r\nConnection: keep-alive\r\n\r\n",
		"two Cookies":               "GET / HTTP/1.1\r\n" + host + "Cookie: a=b\r\nCookie: c=d\r\n\r\n",
		"two Ranges":                "GET / HTTP/1.1\r\n" + host + "Range: bytes=0-1\r\nrange: bytes=2-3\r\n\r\n",
		"TLS":                       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"nothing":                   "\r\n\r\n",
		"proxy protocol":            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n" + host + "\r\n",
		"line separator of Unicode": "GET / HTTP/1.1\u2028\r\n" + host + "\r\n",
	} {
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
