package admin_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/admin"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/secret"
)

const token = "abcdefghijklmnopqrstuvwxyz234567"

type bundle struct {
	admin  *admin.Admin
	client *control.Client
	opts   admin.Options
	stops  chan struct{}
	url    string
}

func options(t *testing.T) admin.Options {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "hfadm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := admin.DefaultConfig()
	c.Listen = "127.0.0.1:0"
	c.Token = secret.New(token)
	return admin.Options{
		Config: c, Socket: filepath.Join(dir, "s"), Version: "v1",
		Sections: []admin.Section{{Name: "files", Report: func(context.Context) admin.Status {
			return admin.Status{State: admin.OK, Summary: "on disk", Facts: admin.Facts{{"objects", 3}, {"bytes", 10}}}
		}}},
		Routes: map[string]http.Handler{
			"POST /v1/echo": control.Handle(func(_ context.Context, s map[string]string) (map[string]string, error) {
				return s, nil
			}),
		},
		Health: health.New(), Logs: admin.NewLogBuffer(3), Log: slog.New(slog.DiscardHandler), Shutdown: func() {},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1\n") }),
	}
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{opts: options(t), stops: make(chan struct{}, 1)}
	b.opts.Shutdown = func() { b.stops <- struct{}{} }
	b.admin = admin.New(b.opts)
	if err := b.admin.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.admin.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b.client = control.NewClient(b.opts.Socket)
	t.Cleanup(b.client.Close)
	b.url = "http://" + b.admin.Addr()
	return b
}

func (b *bundle) request(t *testing.T, c *http.Client, method, path, bearer string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

func TestAdminStartsAndStopsFromEverywhere(t *testing.T) {
	t.Parallel()
	o := options(t)
	lifecycletest.Stress(t, func() lifecycle.Service { return admin.New(o) })
}

func TestStrangersLearnNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/status.json", "/metrics", "/v1/logs", "/nothing"} {
		for _, bearer := range []string{"", "wrong", token[:len(token)-1], token + "x"} {
			if code, body := b.request(t, http.DefaultClient, http.MethodGet, path, bearer); code != 401 || strings.Contains(body, "disk") {
				t.Errorf("GET %s with %q: %d %s", path, bearer, code, body)
			}
		}
	}
	if code, _ := b.request(t, http.DefaultClient, http.MethodPost, "/v1/echo", ""); code != 401 {
		t.Errorf("POST: %d", code)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := b.request(t, http.DefaultClient, http.MethodGet, path, ""); code != 200 || body != "OK\n" {
			t.Errorf("%s: %d %q", path, code, body)
		}
	}
}

func TestWithoutATokenNoBearerFits(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Config.Token = secret.String{}
	a := admin.New(o)
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer a.Stop(context.Background()) //nolint:errcheck // the test is about the requests
	b := &bundle{url: "http://" + a.Addr()}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/metrics", nil)
	req.Header.Set("Authorization", "Bearer ")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 401 {
		t.Errorf("an empty token opened the door: %d", resp.StatusCode)
	}
}

func TestTheTokenOpensEverything(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for path, want := range map[string]string{"/": "on disk", "/status.json": `"objects":3`, "/metrics": "up 1"} {
		if code, body := b.request(t, http.DefaultClient, http.MethodGet, path, token); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body := b.request(t, http.DefaultClient, http.MethodPost, "/v1/echo", token); code != 200 {
		t.Errorf("POST: %d %s", code, body)
	}
}

func TestALoginLinkWorksOnceAndOnlyReads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	answer, err := control.Call[admin.LoginAnswer](t.Context(), b.client, "/v1/login", nil)
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	person := &http.Client{Jar: jar}
	path := strings.TrimPrefix(answer.URL, b.url)
	if code, body := b.request(t, person, http.MethodGet, path, ""); code != 200 || !strings.Contains(body, "on disk") {
		t.Fatalf("login: %d %s", code, body)
	}
	if code, _ := b.request(t, person, http.MethodPost, "/v1/echo", ""); code != 401 {
		t.Errorf("a browser session may change things: %d", code)
	}
	if code, _ := b.request(t, http.DefaultClient, http.MethodGet, path, ""); code != 403 {
		t.Errorf("the link worked twice: %d", code)
	}
}

func TestStatusTellsTheWorstOfAll(t *testing.T) {
	t.Parallel()
	b := setup(t)
	report, err := control.Call[admin.Report](t.Context(), b.client, "/v1/status", nil)
	if err != nil || report.State != admin.OK || len(report.Sections) != 1 {
		t.Fatalf("got %+v, %v", report, err)
	}
	if f := report.Sections[0].Facts; len(f) != 2 || f[0].Name != "objects" {
		t.Errorf("facts lost their order: %+v", f)
	}
	b.opts.Health.Set(health.Condition{Code: "x", Title: "X", Severity: health.Error}, "broken")
	report, err = control.Call[admin.Report](t.Context(), b.client, "/v1/status", nil)
	if err != nil || report.State != admin.Error || len(report.Findings) != 1 {
		t.Errorf("got %+v, %v", report, err)
	}
	if code, _ := b.request(t, http.DefaultClient, http.MethodGet, "/readyz", ""); code != 503 {
		t.Errorf("readyz: %d", code)
	}
}

func TestStopAsksTheDaemon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if _, err := control.Call[control.Empty](t.Context(), b.client, "/v1/nothing", nil); fault.CodeOf(err) != "no_route" {
		t.Errorf("unknown route: %v", err)
	}
	resp, err := b.client.Do(t.Context(), http.MethodPost, "/v1/stop", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	<-b.stops
}

// S2-91: the same stream by command.
func TestLogsShowThePastAndFollow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, line := range []string{"one\n", "two\n", "three\n", "four\n"} {
		b.opts.Logs.Write([]byte(line))
	}
	resp, err := b.client.Do(t.Context(), http.MethodGet, "/v1/logs", map[string][]string{"lines": {"2"}, "follow": {"1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	read := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	read("three\nfour\n")
	b.opts.Logs.Write([]byte("five\n"))
	read("five\n")
}

func TestFactsAreAnObjectInOrder(t *testing.T) {
	t.Parallel()
	out, err := json.Marshal(admin.Facts{{"z", 1}, {"a", "x"}})
	if err != nil || string(out) != `{"z":1,"a":"x"}` {
		t.Fatalf("got %s, %v", out, err)
	}
}
