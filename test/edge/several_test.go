package edge_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/edge"
)

// told answers with a name and the path that reached it.
func told(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name+" "+r.RequestURI) })
}

// S1-02: several applications behind one edge, by path and by host, each with servers of its own.
func TestPathsAndHostsLeadToTheirApplications(t *testing.T) {
	t.Parallel()
	c := config(startApp(t, told("main")).url)
	c.Hosts = []string{"127.0.0.1", "shop.example.org", "www.example.org"}
	c.AccessLog = t.TempDir() + "/access.jsonl"
	c.Apps = []edge.App{
		{Name: "api", Path: "/api/", Upstreams: []string{startApp(t, told("api")).url}},
		{Name: "new", Path: "/api/v2/", Upstreams: []string{startApp(t, told("new")).url}},
		{Name: "shop", Hosts: []string{"shop.example.org"}, Upstreams: []string{startApp(t, told("shop")).url}},
		{Name: "own", Hosts: []string{"shop.example.org"}, Path: "/api/", Upstreams: []string{startApp(t, told("own")).url}},
	}
	c.Apps[0].Upstream.Sticky = "api_server"
	own := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ours") })
	s := start(t, edge.Options{Config: c, Routes: map[string]http.Handler{"/api/static/": own}})
	f := func(host, path, want string) {
		t.Helper()
		if got := s.ask("GET "+path, "Host: "+host); got.body != want {
			t.Errorf("%s%s: %d %q, want %q", host, path, got.StatusCode, got.body, want)
		}
	}
	f("www.example.org", "/", "main /")
	f("www.example.org", "/apix", "main /apix")
	f("www.example.org", "/api/x?y=1", "api /api/x?y=1")
	f("www.example.org", "/api", "api /api")
	f("www.example.org", "//api//x", "api //api//x")
	f("www.example.org", "/%61pi/x", "api /%61pi/x")
	f("www.example.org", "/api/v2/x", "new /api/v2/x")
	f("www.example.org", "/api/static/x", "ours")
	f("shop.example.org", "/x", "shop /x")
	f("SHOP.example.org:8080", "/x", "shop /x")
	f("shop.example.org", "/api/x", "own /api/x")
	f("shop.example.org", "/api/v2/x", "new /api/v2/x")
	if got := s.ask("GET /api/x", "Host: www.example.org").Header.Get("Set-Cookie"); !strings.HasPrefix(got, "api_server=") {
		t.Errorf("the sticky cookie of an application: %q", got)
	}
	if got := s.ask("GET /x", "Host: www.example.org").Header.Get("Set-Cookie"); got != "" {
		t.Errorf("a sticky cookie of another application's: %q", got)
	}
	if err := s.Reopen(); err != nil { // what is held back is written
		t.Fatal(err)
	}
	log := readFile(t, "", c.AccessLog)
	for _, route := range []string{`"route":"app:api"`, `"route":"app:shop"`, `"route":"app"`} {
		if !strings.Contains(log, route) {
			t.Errorf("no %s in the log", route)
		}
	}
}

// Applications come, change and go with a reload, and without any other one a path that is nobody's is 404.
func TestApplicationsComeAndGoWithAReload(t *testing.T) {
	t.Parallel()
	one, two := startApp(t, told("one")), startApp(t, told("two"))
	c := config()
	c.Apps = []edge.App{{Name: "api", Path: "/api/", Upstreams: []string{one.url}}}
	s := start(t, edge.Options{Config: c})
	f := func(path string, status int, want string) {
		t.Helper()
		if got := s.ask("GET " + path); got.StatusCode != status || status == 200 && got.body != want {
			t.Errorf("%s: %d %q, want %d %q", path, got.StatusCode, got.body, status, want)
		}
	}
	f("/api/", 200, "one /api/")
	f("/", 404, "")
	api := s.Applications()[0].Servers
	c.Apps[0].Upstreams = []string{two.url}
	c.Apps = append(c.Apps, edge.App{Name: "shop", Path: "/shop/", Upstreams: []string{one.url}})
	s.reload(c)
	f("/api/", 200, "two /api/")
	f("/shop/", 200, "one /shop/")
	if s.Applications()[0].Servers != api {
		t.Error("an application that stays has other servers")
	}
	c.Apps, c.Upstreams = nil, []string{two.url}
	s.reload(c)
	f("/shop/", 200, "two /shop/")
	f("/", 200, "two /")
}

func TestApplicationsThatCannotBeToldApartAreMistakes(t *testing.T) {
	t.Parallel()
	app := edge.App{Name: "api", Path: "/api/", Upstreams: []string{"http://127.0.0.1:1"}}
	f := func(change func(*edge.Config, *edge.App), want string) {
		t.Helper()
		c, a := config("http://127.0.0.1:2"), app
		c.Hosts = []string{"one.example.org"}
		c.Apps = []edge.App{app}
		change(&c, &a)
		c.Apps = append(c.Apps, a)
		var keys []string
		for _, p := range c.Validate() {
			keys = append(keys, p.Key)
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("mistakes in %q, want %q", got, want)
		}
	}
	f(func(_ *edge.Config, a *edge.App) { a.Name, a.Path = "shop", "/shop/" }, "")
	f(func(_ *edge.Config, a *edge.App) { a.Path = "/shop/" }, "apps[1].name")
	f(func(_ *edge.Config, a *edge.App) { a.Name = "shop" }, "apps[1].path")
	f(func(_ *edge.Config, a *edge.App) { a.Name, a.Path = "shop", "" }, "apps[1].path")
	f(func(_ *edge.Config, a *edge.App) { a.Name, a.Path, a.Hosts = "shop", "", []string{"one.example.org"} }, "")
	f(func(_ *edge.Config, a *edge.App) { a.Name, a.Hosts = "shop", []string{"two.example.org"} }, "apps[1].hosts")
	f(func(_ *edge.Config, a *edge.App) { a.Name, a.Path, a.Upstreams = "shop", "/s/", nil }, "apps[1].upstreams")
	f(func(_ *edge.Config, a *edge.App) { a.Name, a.Path, a.Upstreams = "shop", "/s/", []string{"ftp://x"} }, "apps[1].upstreams")
	f(func(_ *edge.Config, a *edge.App) {
		a.Name, a.Path = "shop", "/s/"
		a.Upstream.Timeouts.Connect = 1 << 50
	}, "apps[1].upstream.timeouts.connect")
}
