package lifecycle_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
)

func newServer(t *testing.T, h http.HandlerFunc) *lifecycle.HTTPServer {
	return lifecycle.NewHTTPServer(lifecycle.ListenTCP("127.0.0.1:0"),
		func() *http.Server { return &http.Server{Handler: h} },
		func(err error) { t.Errorf("server: %v", err) })
}

// get makes one request on its own connection.
func get(ctx context.Context, addr string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr, nil)
	if err != nil {
		return "", err
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func TestHTTPServerKeepsTheContract(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		return newServer(t, func(http.ResponseWriter, *http.Request) {})
	})
}

func TestHTTPServerAnswersOnceStartHasReturnedAndAgainAfterARestart(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	if s.Addr() != "" {
		t.Errorf("address %q before Start", s.Addr())
	}
	for range 2 {
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if body, err := get(t.Context(), s.Addr()); err != nil || body != "hello" {
			t.Errorf("get: %q, %v", body, err)
		}
		if err := s.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	if _, err := get(t.Context(), s.Addr()); err == nil {
		t.Error("answered after Stop")
	}
}

func TestAPortThatIsTakenFailsTheStartAndIsNamed(t *testing.T) {
	t.Parallel()
	first := newServer(t, nil)
	if err := first.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer first.Stop(t.Context()) //nolint:errcheck // the test is over
	second := lifecycle.NewHTTPServer(lifecycle.ListenTCP(first.Addr()), nil, nil)
	if err := second.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "listen on "+first.Addr()) {
		t.Errorf("start on a taken port: %v", err)
	}
}

func TestStopLetsRequestsFinishInTime(t *testing.T) {
	t.Parallel()
	entered, proceed := make(chan struct{}), make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-proceed
		if r.Context().Err() != nil {
			t.Error("the request was cancelled although there was time")
		}
		_, _ = io.WriteString(w, "done")
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() { body, _ := get(t.Context(), s.Addr()); answer <- body }()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(t.Context()) }()
	close(proceed)
	if body, err := <-answer, <-stopped; body != "done" || err != nil {
		t.Errorf("answer %q, stop %v; want done, nil", body, err)
	}
}

func TestStopCutsRequestsWhenItsTimeIsUpAndWaitsForTheirHandlers(t *testing.T) {
	t.Parallel()
	entered, left := make(chan struct{}), make(chan struct{})
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
		close(left)
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	go get(t.Context(), s.Addr()) //nolint:errcheck // it is cut
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop: %v; want it to say that requests were cut", err)
	}
	select {
	case <-left:
	default:
		t.Error("Stop returned before the handler did")
	}
}

func TestAServerThatCannotServeTellsWhyAndFreesItsPort(t *testing.T) {
	t.Parallel()
	told := make(chan error, 1)
	s := lifecycle.NewHTTPServer(lifecycle.ListenTCP("127.0.0.1:0"),
		func() *http.Server {
			return &http.Server{TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12}} // no certificate
		},
		func(err error) { told <- err })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !strings.Contains(err.Error(), "serve "+s.Addr()) {
		t.Errorf("told %v; want the address in it", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := get(t.Context(), s.Addr()); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the port is still open: %v", err)
	}
}
