package daemon_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/httpcache"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
)

// Issue 5: two daemons on one database; the application removes a page by the control socket of one, and both have it no more.
func TestAPageIsRemovedOnAllNodesByOneCall(t *testing.T) {
	t.Parallel()
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=600")
		w.Header().Set("Surrogate-Key", "article-17")
		_, _ = io.WriteString(w, "page")
	}))
	t.Cleanup(app.Close)
	db := pgtest.Database(t)
	env := []string{"HOLDFAST_EDGE__UPSTREAMS=" + app.URL, "HOLDFAST_EDGE__CACHE__ENABLED=true", "HOLDFAST_DATABASE__POOLER=false"}
	first, second := attached(t, db, env...), attached(t, db, env...)
	second.Files.MasterKey, second.Media.Root = first.Files.MasterKey, first.Media.Root
	a, b := startWith(t, first, nil), startWith(t, second, nil)
	ask := func(d *daemon.Daemon, directive string) string {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, d.EdgeURL()+"/article", nil)
		r.Host = "journal.example"
		r.Header.Set("Cache-Control", directive)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.Header.Get("Cache-Status")
	}
	for _, d := range []*daemon.Daemon{a, b} {
		lifecycletest.Eventually(t, 10*time.Second, func() error {
			if said := ask(d, ""); !strings.HasPrefix(said, "holdfast; hit") {
				return fmt.Errorf("not stored: %q", said)
			}
			return nil
		})
	}
	client := control.NewClient(first.Socket())
	t.Cleanup(client.Close)
	answer, err := control.Call[daemon.PagePurgeAnswer](t.Context(), client, "/v1/edge/cache/purge", daemon.PagePurgeRequest{Tag: "article-17"})
	if err != nil || answer.Removed != 1 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for i, d := range []*daemon.Daemon{a, b} {
		lifecycletest.Eventually(t, 10*time.Second, func() error {
			if said := ask(d, "only-if-cached"); said != "holdfast; detail=only-if-cached" {
				return fmt.Errorf("node %d: %q", i, said)
			}
			return nil
		})
	}
	stats, err := control.Call[httpcache.Stats](t.Context(), client, "/v1/edge/cache/stats", control.Empty{})
	if err != nil || stats.Requests[httpcache.Hit] == 0 || stats.Requests[httpcache.Miss] != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// attached returns a configuration of a database that is somebody else's.
func attached(t *testing.T, db *pgtest.DB, env ...string) *config.Config {
	t.Helper()
	u, err := url.Parse(db.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := configure(t, env...)
	d := &c.Database.Config
	d.Mode, d.Host, d.Name, d.Username = "attached", u.Query().Get("host"), strings.TrimPrefix(u.Path, "/"), u.User.Username()
	if d.Port, err = strconv.Atoi(u.Query().Get("port")); err != nil {
		t.Fatal(err)
	}
	c.Files.SQLSigners = nil
	return c
}
