package e2e_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/test/program"
)

// A request that is under way when a new process takes over is answered, and clients of PostgreSQL do not wait for that.
func TestATakeoverWaitsForRequestsAndClientsOfPostgreSQLWaitForNeither(t *testing.T) {
	t.Parallel()
	s, db := takeoverSite(t)
	asked, answer := make(chan struct{}), make(chan struct{})
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/none" {
			asked <- struct{}{}
			<-answer
		}
		_, _ = w.Write([]byte("late"))
	}))
	t.Cleanup(app.Close)
	s.set("edge.upstreams", `["`+app.URL+`"]`, "admin.takeover_drain", "30s")
	first := s.serve()
	visited := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), program.CallLimit)
	t.Cleanup(cancel)
	go func() {
		visited <- visit(ctx, &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting()}, first.edge)
	}()
	<-asked
	second := s.takeOver()
	second.Line("hands its listeners over", program.StartLimit)
	for range 3 {
		if err := askOnce(ctx, first.ways(db)[0]); err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(second.Err.String(), `"msg":"ready"`) {
		t.Error("the successor does not wait for a request of its predecessor") // nor has the client been served by it
	}
	close(answer)
	if err := <-visited; err != nil {
		t.Error(err)
	}
	second.ready()
	if code := first.Wait(stopLimit); code != 0 {
		t.Errorf("the first process ends with %d", code)
	}
}

// systemd learns which process is the main one before the old one ends, and is never told that the service stops.
func TestSystemdIsToldWhichProcessItLooksAfter(t *testing.T) {
	t.Parallel()
	s, _ := takeoverSite(t)
	path := s.Path("notify.sock")
	hears, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer hears.Close()
	s.Extra = append(s.Extra, "NOTIFY_SOCKET="+path)
	if err := hears.SetReadDeadline(time.Now().Add(program.CallLimit)); err != nil {
		t.Fatal(err)
	}
	first := s.serve()
	second := s.takeOver()
	second.ready()
	if code := first.Wait(stopLimit); code != 0 {
		t.Errorf("the first process ends with %d", code)
	}
	var told []string
	for len(told) < 3 { // what was sent before the first process ended is there
		said := make([]byte, 100)
		n, err := hears.Read(said)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, string(said[:n]))
	}
	if want := []string{"READY=1", "MAINPID=" + strconv.Itoa(second.PID), "READY=1"}; !slices.Equal(told, want) {
		t.Errorf("systemd is told %q, want %q", told, want)
	}
}

// The table of listeners keeps none open that the pooler has closed: whoever comes to a pooler that waits for the end is refused, and does not
// wait with it.
func TestAPoolerThatWaitsForItsClientsToLeaveRefusesOthers(t *testing.T) {
	t.Parallel()
	s, db := takeoverSite(t)
	s.set("database.admins", `["`+takeoverRole(db)+`"]`)
	n := s.serve()
	ctx, cancel := context.WithTimeout(t.Context(), program.CallLimit)
	t.Cleanup(cancel)
	way := n.ways(db)[0]
	stays, err := pgx.Connect(ctx, way)
	if err != nil {
		t.Fatal(err)
	}
	defer stays.Close(context.Background()) //nolint:errcheck // only when the test has failed
	console, err := pgx.Connect(ctx, strings.Replace(way, "dbname="+db.Name, "dbname=pgbouncer", 1)+" default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	defer console.Close(context.Background()) //nolint:errcheck // it is cut
	if _, err := console.Exec(ctx, "SHUTDOWN WAIT_FOR_CLIENTS"); err != nil {
		t.Fatal(err)
	}
	for _, way := range n.ways(db) {
		if err := askOnce(ctx, way); err == nil || ctx.Err() != nil {
			t.Errorf("%s: whoever comes is told %v", way, err)
		}
	}
	if err := stays.Close(ctx); err != nil {
		t.Error(err)
	}
	_ = console.Close(ctx)
	if code := n.Wait(stopLimit); code != 0 {
		t.Errorf("the process ends with %d", code)
	}
}
