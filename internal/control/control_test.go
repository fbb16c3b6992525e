package control_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/control"
	"holdfast/internal/fault"
)

type (
	greetRequest struct{ Name string }
	greetAnswer  struct{ Text string }
)

func greet(_ context.Context, r greetRequest) (greetAnswer, error) {
	switch r.Name {
	case "":
		return greetAnswer{}, fault.New(fault.Usage, "no_name", "greet: no name").WithHint("say who")
	case "problem":
		var p fault.Problems
		p.Add("edge.listen", "write a port", "%q has no port", "localhost")
		return greetAnswer{}, p.Err()
	}
	return greetAnswer{"hello " + r.Name}, nil
}

// serve answers on a Unix socket in a short directory (socket paths are limited to about 107 bytes).
func serve(t *testing.T, h http.Handler) *control.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h)
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
	c := control.NewClient(socket)
	t.Cleanup(c.Close)
	return c
}

func TestCallCarriesRequestAndAnswer(t *testing.T) {
	t.Parallel()
	c := serve(t, control.Handle(greet))
	got, err := control.Call[greetAnswer](t.Context(), c, "/v1/greet", greetRequest{"Ada"})
	if err != nil || got.Text != "hello Ada" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func TestErrorKeepsKindCodeHintAndProblems(t *testing.T) {
	t.Parallel()
	c := serve(t, control.Handle(greet))
	_, err := control.Call[greetAnswer](t.Context(), c, "/v1/greet", nil)
	if fault.KindOf(err) != fault.Usage || fault.CodeOf(err) != "no_name" || fault.HintOf(err) != "say who" {
		t.Errorf("got %#v", err)
	}
	_, err = control.Call[greetAnswer](t.Context(), c, "/v1/greet", greetRequest{"problem"})
	var problems fault.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Key != "edge.listen" {
		t.Errorf("problems lost: %#v", err)
	}
}

func TestBadRequestsAreUsageErrors(t *testing.T) {
	t.Parallel()
	c := serve(t, control.Handle(greet))
	for _, body := range []string{`{"Nmae":"x"}`, `[]`, `{"Name":"a"} {}`, `{`} {
		_, err := c.Do(t.Context(), http.MethodPost, "/v1/greet", nil, strings.NewReader(body))
		if fault.CodeOf(err) != "bad_request" {
			t.Errorf("%s: got %v", body, err)
		}
	}
	_, err := c.Do(t.Context(), http.MethodPost, "/v1/greet", nil,
		io.LimitReader(neverEnding{}, control.MaxRequest+1))
	if fault.CodeOf(err) != "bad_request" {
		t.Errorf("oversized request: got %v", err)
	}
}

type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestNobodyListeningIsSaidWithWhatToDo(t *testing.T) {
	t.Parallel()
	c := control.NewClient(filepath.Join(t.TempDir(), "none"))
	_, err := control.Call[greetAnswer](t.Context(), c, "/v1/greet", nil)
	if fault.CodeOf(err) != "not_running" || !strings.Contains(fault.HintOf(err), "holdfast serve") {
		t.Fatalf("got %v, hint %q", err, fault.HintOf(err))
	}
}

func TestASizedBodyAnnouncesItsLength(t *testing.T) {
	t.Parallel()
	got := make(chan int64, 3)
	c := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.ContentLength }))
	for _, size := range []int64{4, 0, -1} {
		body := control.Sized(strings.NewReader("four"[:max(size, 0)]), size)
		resp, err := c.Do(t.Context(), http.MethodPut, "/v1/x", nil, body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if n := <-got; n != size && !(size == -1 && n <= 0) {
			t.Errorf("announced %d as %d", size, n)
		}
	}
}
