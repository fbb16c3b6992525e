package assets

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"holdfast/internal/lane/lanetest"

	"holdfast/internal/lane"
)

// laneOf serves assets on event loops, and by net/http what those do not answer. plain is net/http alone.
func laneOf(t *testing.T, a *Assets) (address, plain string, l *lane.Lane) {
	t.Helper()
	listener := listen(t)
	l, err := lane.Listen(listener, lane.Options{Handler: a.Lanes()["/static/"]})
	if err != nil {
		t.Fatal(err)
	}
	direct := listen(t)
	server := &http.Server{Handler: a, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 2)
	for _, x := range []net.Listener{l, direct} {
		go func() { done <- server.Serve(x) }() // waited for below
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := l.Stop(ctx); err != nil {
			t.Errorf("stop the lane: %v", err)
		}
		for range 2 {
			if err := <-done; !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("serve: %v", err)
			}
		}
	})
	return l.Addr().String(), direct.Addr().String(), l
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// raw sends a request as it stands, and leaves out of the answer's header what differs from one to the next.
func raw(t *testing.T, address, request string) (status int, header http.Header, body string) {
	t.Helper()
	r, body := lanetest.Say(t, address, request)
	for _, name := range []string{"Date", "X-Request-Id"} {
		r.Header.Del(name)
	}
	return r.StatusCode, r.Header, body
}

// The event loops answer as net/http does, from memory and from files.
func TestTheLaneAnswersAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{64 << 20, 0} {
		b := newBench(t, siteFiles())
		b.config.Memory = 0
		if memory > 0 {
			b.config.Memory = DefaultConfig().Memory
		}
		b.write("mit leer.css", long("a{}"))
		b.write("pages.bin", noise(40_000))
		a := serving(t, b, "https://www.example.com")
		address, plain, l := laneOf(t, a)
		main := "/static/" + b.hashed("css/main.css")
		tag := ask(t, a, "GET", main).Header.Get("Etag")
		for _, path := range []string{main, "/static/css/main.css", "/static/f.woff2", "/static/mit%20leer.css", "/static/pages.bin", "/static/gone.css", "/static/%zz"} {
			for _, method := range []string{"GET", "HEAD"} {
				for _, fields := range []string{
					"", "Accept-Encoding: gzip, br\r\n", "Accept-Encoding: identity;q=0\r\n", "Range: bytes=2-5\r\n", "Range: bytes=2-5\r\nIf-Range: " + tag + "\r\n",
					"Range: bytes=999999999-\r\n", "If-None-Match: " + tag + "\r\n", "If-Match: \"x\"\r\n", "Origin: https://www.example.com\r\n",
					"Origin: https://evil.example\r\n", "If-None-Match: *\r\nOrigin: https://www.example.com\r\n",
				} {
					request := method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"
					s1, h1, b1 := raw(t, address, request)
					s2, h2, b2 := raw(t, plain, request)
					if s1 != s2 || b1 != b2 || !maps.EqualFunc(h1, h2, slices.Equal) {
						t.Fatalf("%q:\nlane     %d %v %d bytes\nnet/http %d %v %d bytes", request, s1, h1, len(b1), s2, h2, len(b2))
					}
				}
			}
		}
		if s := l.Stats(); s.Answered < 60 {
			t.Errorf("the lane answered only %d", s.Answered)
		}
	}
}
