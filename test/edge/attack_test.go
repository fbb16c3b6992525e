package edge_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/edge"
)

// seen is an application that remembers what reached it.
type seen struct {
	mu    sync.Mutex // protects the following
	lines []string
}

func (s *seen) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return // it is cut off: no application takes half a body for a request
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("%s %s %q", r.Method, r.RequestURI, b))
	_, _ = io.WriteString(w, "ok")
}

func (s *seen) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := strings.Join(s.lines, "; ")
	s.lines = nil
	return all
}

// badInput is what is sent, and what comes of it.
type badInput struct {
	send   string
	status string // of the first answer; several with "|"
	app    string // what the application sees
}

func badInputs() map[string]badInput {
	const end = "\r\nHost: x\r\nConnection: close\r\n\r\n"
	long := strings.Repeat("a", 100_000)
	return map[string]badInput{
		"length and encoding (CL.TE)":       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n", "200", `POST / ""`},
		"two lengths":                       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400", ""},
		"length with a sign":                {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na", "400", ""},
		"encoding by another name":          {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501|400", ""},
		"two encodings":                     {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "501|400", ""},
		"encoding with a space":             {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400", ""},
		"encoding with an underscore":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer_Encoding: chunked\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", "200", `POST / "a"`},
		"folded field":                      {"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n", "400|200", `GET / ""`},
		"bare CR in a field":                {"GET / HTTP/1.1\r\nHost: x\r\nX: a\rY: b" + end, "400", ""},
		"NUL in a field":                    {"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b" + end, "400", ""},
		"no host":                           {"GET / HTTP/1.1\r\n\r\n", "400", ""},
		"two hosts":                         {"GET / HTTP/1.1\r\nHost: y" + end, "400", ""},
		"host with a path":                  {"GET / HTTP/1.1\r\nHost: x/y\r\nConnection: close\r\n\r\n", "400", ""},
		"bad chunk":                         {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400|502", ""},
		"chunk extension without end":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + long + "\r\n", "400|502", ""},
		"trailer with a forged field":       {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Real-Ip\r\nConnection: close\r\n\r\n0\r\nX-Real-Ip: 6.6.6.6\r\n\r\n", "200", `POST / ""`},
		"header of 100 KB":                  {"GET / HTTP/1.1\r\nX: " + long + end, "431", ""},
		"3000 fields":                       {"GET / HTTP/1.1\r\n" + strings.Repeat("X: aaaaaaaaaaaaaaaaaaaaaaaa\r\n", 3000) + end[2:], "431", ""},
		"target of 100 KB":                  {"GET /" + long + " HTTP/1.1" + end, "431|414", ""},
		"CONNECT":                           {"CONNECT evil.org:443 HTTP/1.1" + end, "405", ""},
		"TRACE":                             {"TRACE / HTTP/1.1" + end, "405", ""},
		"HTTP/2 preface in clear":           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505|400|", ""},
		"dot segments":                      {"GET /a/../admin HTTP/1.1" + end, "400", ""},
		"dot segments, encoded":             {"GET /a/%2e%2E/admin HTTP/1.1" + end, "400", ""},
		"dot segments, slash encoded":       {"GET /a%2f..%2fadmin HTTP/1.1" + end, "400", ""},
		"dot segments with a backslash":     {"GET /a/..\\admin HTTP/1.1" + end, "400", ""},
		"dot segments with a parameter":     {"GET /a/..;/admin HTTP/1.1" + end, "400", ""},
		"NUL in the path":                   {"GET /a%00b HTTP/1.1" + end, "400", ""},
		"line end in the path":              {"GET /a%0d%0aX:b HTTP/1.1" + end, "400", ""},
		"bad escape":                        {"GET /%zz HTTP/1.1" + end, "400", ""},
		"no slash":                          {"GET admin HTTP/1.1" + end, "400", ""},
		"absolute target, another host":     {"GET http://evil.org/a HTTP/1.1" + end, "200", `GET /a ""`},
		"two slashes, as they are":          {"GET //a//b HTTP/1.1" + end, "200", `GET //a//b ""`},
		"dots in a name":                    {"GET /a..b/.well-known/x HTTP/1.1" + end, "200", `GET /a..b/.well-known/x ""`},
		"body of a GET that looks like one": {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\nConnection: close\r\n\r\nGET /smuggled HTTP/1.1\r\nA: b\r\n", "200", `GET / "GET /smuggled HTTP/1.1\r\nA: b\r\n"`},
		"asterisk":                          {"OPTIONS * HTTP/1.1" + end, "204|200", ""},
	}
}

// What each bad input gets, and what of it reaches the application. docs/security.md has the table for people.
func TestBadInputsGetWhatTheTableSays(t *testing.T) {
	t.Parallel()
	app := &seen{}
	s := start(t, edge.Options{Config: config(startApp(t, app).url)})
	for name, c := range badInputs() {
		app.take()
		got := s.raw(c.send)
		status := ""
		if parts := strings.SplitN(got, " ", 3); len(parts) > 1 {
			status = parts[1]
		}
		reached := app.take()
		if !strings.Contains("|"+c.status+"|", "|"+status+"|") {
			t.Errorf("%s: got %.120q, want %s", name, got, c.status)
		}
		if reached != c.app && !(status == "400" && reached == "") {
			t.Errorf("%s: the application saw %q, want %q", name, reached, c.app)
		}
		if n := strings.Count(got, "HTTP/1.1 "); n > 1 {
			t.Errorf("%s: %d answers", name, n)
		}
	}
}

// An application that answers with nonsense gets nobody's connection out of step.
func TestNonsenseFromTheApplicationIsBadGateway(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{
		"no HTTP":        "hello\r\n\r\n",
		"two lengths":    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"endless header": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 400_000) + "\r\n\r\n",
		"bad status":     "HTTP/1.1 99 What\r\n\r\n",
		"nothing":        "",
	} {
		a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, said)
				c.Close()
			}
		}))
		s := start(t, edge.Options{Config: config(a.url)})
		if got := s.ask("POST /"); got.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d %.100q", name, got.StatusCode, got.body)
		}
	}
	two := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
		}
	}))
	s := start(t, edge.Options{Config: config(two.url)})
	for range 5 {
		if got := s.ask("GET /"); got.body != "ok" {
			t.Errorf("an answer nobody asked for was given: %d %q", got.StatusCode, got.body)
		}
	}
}

// Compressed bodies pass as they are, in both directions: nothing is unpacked here, so no bomb goes off here.
func TestNothingIsUnpacked(t *testing.T) {
	t.Parallel()
	a := startApp(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(b)
	}))
	s := start(t, edge.Options{Config: config(a.url)})
	bomb := []byte("\x1f\x8b not really gzip")
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL(), bytes.NewReader(bomb))
	r.Header.Set("Content-Encoding", "gzip")
	r.Header.Set("Accept-Encoding", "gzip")
	if got := s.send(r); got.body != string(bomb) {
		t.Errorf("got %q", got.body)
	}
}
