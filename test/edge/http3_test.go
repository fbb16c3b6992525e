package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/quic-go/quicvarint"

	"holdfast/internal/edge"
	"holdfast/internal/throttle"
)

const quicHost = "one.example.org"

// startHTTP3 runs an edge with HTTP/3 before an application.
func startHTTP3(t *testing.T, app http.Handler, change func(*edge.Config)) (*site, *x509.CertPool) {
	t.Helper()
	cert, roots := certificate(t, t.TempDir(), quicHost)
	c := config(startApp(t, app).url)
	c.TLSCert, c.TLSKey, c.Hosts, c.HTTP3 = cert.Cert, cert.Key, []string{quicHost}, true
	if change != nil {
		change(&c)
	}
	return start(t, edge.Options{Config: c}), roots
}

// visitor3 speaks HTTP/3.
func visitor3(t *testing.T, roots *x509.CertPool) *http3.Transport {
	t.Helper()
	tr := &http3.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: quicHost}}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// ask3 sends a request over HTTP/3 and returns its answer.
func ask3(t *testing.T, tr *http3.Transport, s *site, method, path string, body io.Reader, fields ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "https://"+s.Addr()+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = quicHost
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header[name] = append(r.Header[name], value)
	}
	resp, err := tr.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(b)}
}

// HTTPS leads to HTTP/3, where the same site answers with the same headers, rules and log, and the application learns the
// same truth.
func TestHTTP3IsTheSameSiteAsHTTPS(t *testing.T) {
	t.Parallel()
	s, roots := startHTTP3(t, http.HandlerFunc(echo), func(c *edge.Config) {
		c.RedirectHTTPS = true
		c.AccessLog = t.TempDir() + "/access.jsonl"
		c.Limits = []throttle.Rule{{Path: "/limited", Rate: "1/h"}}
		c.Upstream.MaxBody = 1 << 20
	})
	resp := over(t, client(roots, quicHost, true), s.URL(), quicHost)
	_, port, _ := strings.Cut(s.Addr(), ":")
	if got := resp.Header.Get("Alt-Svc"); got != `h3=":`+port+`"; ma=86400` {
		t.Errorf("over HTTPS: Alt-Svc %q", got)
	}
	tr := visitor3(t, roots)
	got := ask3(t, tr, s, "GET", "/page?x=1", nil, "X-Forwarded-For: 6.6.6.6", "X-Real-Ip: 6.6.6.6", "Priority: u=1")
	if got.StatusCode != http.StatusOK || got.ProtoMajor != 3 || got.Header.Get("Alt-Svc") != "" ||
		got.Header.Get("Strict-Transport-Security") != "max-age=31536000" || got.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s %s %v", got.Proto, got.Status, got.Header)
	}
	for _, want := range []string{
		"GET /page?x=1\n", "Host: " + quicHost + "\n", "X-Forwarded-For: 127.0.0.1\n", "X-Forwarded-Proto: https\n",
		"X-Request-Id: " + got.Header.Get("X-Request-Id") + "\n",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the application does not see %q in:\n%s", want, got.body)
		}
	}
	for _, wrong := range []string{"6.6.6.6", "Priority"} {
		if strings.Contains(got.body, wrong) {
			t.Errorf("the application sees %q", wrong)
		}
	}
	f := func(what string, got answer, want int) {
		t.Helper()
		if got.StatusCode != want || got.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d, want %d", what, got.StatusCode, want)
		}
	}
	f("a strange host", ask3(t, tr, s, "GET", "/", nil, "Host: evil.org"), http.StatusMisdirectedRequest)
	f("dot segments", ask3(t, tr, s, "GET", "/a/%2e%2e/b", nil), http.StatusBadRequest)
	f("TRACE", ask3(t, tr, s, "TRACE", "/", nil), http.StatusMethodNotAllowed)
	f("within the limit", ask3(t, tr, s, "GET", "/limited", nil), http.StatusOK)
	f("above the limit", ask3(t, tr, s, "GET", "/limited", nil), http.StatusTooManyRequests)
	f("above the limit, over TCP", answer{over(t, client(roots, quicHost, true), s.URL()+"/limited", quicHost), ""}, http.StatusTooManyRequests)
	f("a body that is too large", ask3(t, tr, s, "POST", "/", bytes.NewReader(make([]byte, 2<<20))), http.StatusRequestEntityTooLarge)
	if err := s.Reopen(); err != nil { // what is held back is written
		t.Fatal(err)
	}
}

// A renewed certificate is served to new connections of both kinds.
func TestHTTP3ServesARenewedCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, old := certificate(t, dir, quicHost)
	c := config(startApp(t, named("x")).url)
	c.TLSCert, c.TLSKey, c.HTTP3 = cert.Cert, cert.Key, true
	s := start(t, edge.Options{Config: c})
	ask3(t, visitor3(t, old), s, "GET", "/", nil)
	_, renewed := certificate(t, dir, quicHost)
	eventually(t, "the new certificate over QUIC", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		conn, err := quic.DialAddr(ctx, s.Addr(), &tls.Config{RootCAs: renewed, ServerName: quicHost, NextProtos: []string{"h3"}}, nil)
		if err == nil {
			err = conn.CloseWithError(0, "")
		}
		return err
	})
}

// A request under way when the edge stops gets its answer.
func TestARequestOverHTTP3EndsBeforeTheEdgeDoes(t *testing.T) {
	t.Parallel()
	entered, proceed := make(chan struct{}), make(chan struct{})
	s, roots := startHTTP3(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-proceed
		_, _ = io.WriteString(w, strings.Repeat("done", 50_000))
	}), nil)
	tr := visitor3(t, roots)
	got := make(chan string, 1)
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.Addr()+"/", nil)
	r.Host = quicHost
	go func() {
		resp, err := tr.RoundTrip(r)
		if err != nil {
			got <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		got <- fmt.Sprint(len(b), err)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		stopped <- s.Stop(ctx)
	}()
	close(proceed)
	if g := <-got; g != "200000 <nil>" {
		t.Errorf("the request: %s", g)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// raw3 sends a header block and a body on a stream of HTTP/3 as they are, and returns the status of the answer, or "" without one.
func raw3(t *testing.T, s *site, roots *x509.CertPool, fields []string, body string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	conn, err := quic.DialAddr(ctx, s.Addr(), &tls.Config{RootCAs: roots, ServerName: quicHost, NextProtos: []string{"h3"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseWithError(0, "") }()
	str, err := conn.OpenStreamSync(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	e := qpack.NewEncoder(&block)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "= ")
		if err := e.WriteField(qpack.HeaderField{Name: name, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	frames := quicvarint.Append(nil, 1) // HEADERS (RFC 9114 section 7.2.2)
	frames = append(quicvarint.Append(frames, uint64(block.Len())), block.Bytes()...)
	if body != "" {
		frames = quicvarint.Append(frames, 0) // DATA
		frames = append(quicvarint.Append(frames, uint64(len(body))), body...)
	}
	_, _ = str.Write(frames) // refused in the middle: the answer tells
	_ = str.Close()
	_ = str.SetReadDeadline(time.Now().Add(5 * time.Second))
	got, _ := io.ReadAll(str) // a reset ends it, too
	r := bytes.NewReader(got)
	if kind, err := quicvarint.Read(r); err != nil || kind != 1 {
		return ""
	}
	n, err := quicvarint.Read(r)
	if err != nil || n > uint64(r.Len()) {
		return ""
	}
	answer := make([]byte, n)
	_, _ = io.ReadFull(r, answer) // there are as many
	next := qpack.NewDecoder().Decode(answer)
	for f, err := next(); err == nil; f, err = next() {
		if f.Name == ":status" {
			return f.Value
		}
	}
	return ""
}

// bad3 is what is sent over HTTP/3 besides method, scheme and host, and what of it may reach the application: nothing, if it is
// left out.
type bad3 struct {
	fields []string
	body   string
	app    string
}

func badInputs3() map[string]bad3 {
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	return map[string]bad3{
		"more body than announced":      {[]string{":path= /1", "content-length= 2"}, "ab" + smuggled, `POST /1 "ab"`},
		"less body than announced":      {[]string{":path= /2", "content-length= 200"}, "ab", ""},
		"two lengths":                   {[]string{":path= /3", "content-length= 2", "content-length= 3"}, "ab", ""},
		"length with a sign":            {[]string{":path= /4", "content-length= +2"}, "ab", ""},
		"an encoding":                   {[]string{":path= /5", "transfer-encoding= chunked"}, "0\r\n\r\n" + smuggled, ""},
		"a field of the connection":     {[]string{":path= /6", "connection= x-drop"}, "", ""},
		"an upgrade":                    {[]string{":path= /7", "upgrade= websocket"}, "", ""},
		"line end in a value":           {[]string{":path= /8", "x-a= b\r\nX-Injected: 1"}, "", ""},
		"line end in a name":            {[]string{":path= /9", "x-a\r\nx-injected= 1"}, "", ""},
		"NUL in a value":                {[]string{":path= /10", "x-a= b\x00c"}, "", ""},
		"capitals in a name":            {[]string{":path= /11", "X-A= b"}, "", ""},
		"line end in the path":          {[]string{":path= /12 HTTP/1.1\r\nX-Injected: 1"}, "", ""},
		"space in the path":             {[]string{":path= /13 b"}, "", `POST /13%20b ""`},
		"two paths":                     {[]string{":path= /14", ":path= /admin"}, "", ""},
		"no path":                       {nil, "", ""},
		"path without a slash":          {[]string{":path= admin"}, "", ""},
		"two methods":                   {[]string{":path= /15", ":method= GET /admin HTTP/1.1"}, "", ""},
		"pseudo field after a field":    {[]string{"x-a= b", ":path= /16"}, "", ""},
		"a pseudo field that is none":   {[]string{":path= /17", ":protocol2= x"}, "", ""},
		"another host beside authority": {[]string{":path= /18", "host= evil.org"}, "", `POST /18 ""`},
		"two authorities":               {[]string{":path= /19", ":authority= evil.org"}, "", ""},
	}
}

// What is ambiguous when it becomes HTTP/1.1 never gets there: lengths that lie, fields of connections, line ends.
func TestBadInputsOverHTTP3ReachNoApplication(t *testing.T) {
	t.Parallel()
	all := &seen{}
	cert, roots := certificate(t, t.TempDir(), quicHost)
	a := startApp(t, all)
	c := config(a.url)
	c.TLSCert, c.TLSKey, c.Hosts, c.HTTP3 = cert.Cert, cert.Key, []string{quicHost}, true
	s := start(t, edge.Options{Config: c})
	head := []string{":method= POST", ":scheme= https", ":authority= " + quicHost}
	if got := raw3(t, s, roots, append(slices.Clone(head), ":path= /", "content-length= 2"), "ab"); got != "200" || all.take() != `POST / "ab"` {
		t.Fatalf("as it should be: %s", got)
	}
	allowed := []string{""}
	for name, b := range badInputs3() {
		if got := raw3(t, s, roots, append(slices.Clone(head), b.fields...), b.body); got == "200" && b.app == "" {
			t.Errorf("%s: 200", name)
		}
		allowed = append(allowed, b.app)
	}
	if err := a.Shutdown(t.Context()); err != nil { // until the last request that reached it is over
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(all.take(), "; ") {
		if !slices.Contains(allowed, line) {
			t.Errorf("the application saw %s", line)
		}
	}
}
