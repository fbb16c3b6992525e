package edge_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/edge"
	"holdfast/internal/httpcache"
)

// signed is an application whose pages say whose they are.
func signed(t *testing.T, name string) (url string, a *counted) {
	t.Helper()
	a = &counted{HandlerFunc: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=600")
		w.Header().Set("Surrogate-Key", "pages "+name)
		fmt.Fprintf(w, "%s %s", name, r.URL.RequestURI())
	}}
	return startApp(t, a).url, a
}

// threeApps are one application by host, one by path, and one for the rest, behind one page cache.
func threeApps(t *testing.T, change func(*edge.Config)) (s *site, c edge.Config, apps map[string]*counted) {
	t.Helper()
	apps = map[string]*counted{}
	url := map[string]string{}
	for _, name := range []string{"main", "shop", "api"} {
		url[name], apps[name] = signed(t, name)
	}
	c = cached(url["main"])
	c.Hosts = []string{"127.0.0.1", "www.example.org", "shop.example.org", "inner"}
	c.Apps = []edge.App{
		{Name: "shop", Hosts: []string{"shop.example.org"}, Upstreams: []string{url["shop"]}},
		{Name: "api", Path: "/api/", Upstreams: []string{url["api"]}},
	}
	if change != nil {
		change(&c)
	}
	return start(t, edge.Options{Config: c}), c, apps
}

// keep asks for a page until it comes from the cache, and wants it to be the application's.
func (s *site) keep(host, path, want string, fields ...string) {
	s.t.Helper()
	fields = append(fields, "Host: "+host)
	eventually(s.t, host+path+" is kept", func() error {
		got := s.ask("GET "+path, fields...)
		if got.body != want {
			s.t.Fatalf("%s%s is %q, want %q", host, path, got.body, want)
		}
		if status := got.Header.Get("Cache-Status"); !strings.HasPrefix(status, "holdfast; hit") {
			return fmt.Errorf("it is not: %s", status)
		}
		return nil
	})
}

// S1-44, S3-16: pages of several applications behind one page cache never mix: the same path on two hosts, two prefixes, with queries and odd
// spellings. What is removed is removed of the host that is named.
func TestPagesOfSeveralApplicationsNeverMix(t *testing.T) {
	t.Parallel()
	s, _, apps := threeApps(t, nil)
	pages := []struct{ host, path, app string }{
		{"www.example.org", "/", "main"},
		{"shop.example.org", "/", "shop"},
		{"www.example.org", "/x?y=1", "main"},
		{"shop.example.org", "/x?y=1", "shop"},
		{"www.example.org", "/api/x", "api"},
		{"www.example.org", "/apix", "main"},
		{"shop.example.org", "/api/x", "api"}, // the longest path counts
		{"www.example.org", "/x%2Fy", "main"},
		{"shop.example.org", "/x%2Fy", "shop"},
	}
	for range 2 {
		for _, p := range pages {
			s.keep(p.host, p.path, p.app+" "+p.path)
		}
	}
	s.keep("SHOP.example.org", "/", "shop /")
	purge := func(what httpcache.Purge, want ...string) {
		t.Helper()
		for _, p := range pages {
			s.keep(p.host, p.path, p.app+" "+p.path)
		}
		before := map[string]int64{}
		for name, a := range apps {
			before[name] = a.n.Load()
		}
		pages0, err := s.Pages()
		if err == nil {
			_, err = pages0.Purge(t.Context(), what)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pages {
			s.ask("GET "+p.path, "Host: "+p.host)
		}
		for name, a := range apps {
			asked := a.n.Load() > before[name]
			if expected := slices.Contains(want, name); asked != expected {
				t.Errorf("%+v: is %s asked again: %t", what, name, asked)
			}
		}
	}
	purge(httpcache.Purge{Prefix: "http://shop.example.org"}, "shop", "api")
	purge(httpcache.Purge{URL: "http://shop.example.org/x?y=1"}, "shop")
	purge(httpcache.Purge{Prefix: "/api/"}, "api")
	purge(httpcache.Purge{URL: "/x?y=1"}, "main", "shop")
	purge(httpcache.Purge{Tag: "main"}, "main")
}

// The host that decides and the host that the page is kept under may differ behind a proxy that changes it: what is ambiguous is not kept.
func TestAProxyThatChangesTheHostDoesNotMixApplications(t *testing.T) {
	t.Parallel()
	s, _, _ := threeApps(t, func(c *edge.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	for range 3 {
		for host, want := range map[string]string{"inner": "main /p", "shop.example.org": "shop /p"} {
			if got := s.ask("GET /p", "Host: "+host, "X-Forwarded-Host: www.example.org"); got.body != want {
				t.Fatalf("by way of %s: %q, want %q", host, got.body, want)
			}
		}
	}
	s.keep("inner", "/kept", "main /kept", "X-Forwarded-Host: www.example.org")
	s.keep("inner", "/api/kept", "api /api/kept", "X-Forwarded-Host: www.example.org")
}

// A path that goes to another application with a reload shows none of the first one's pages.
func TestAPathThatGoesToAnotherApplicationShowsNoneOfTheOldPages(t *testing.T) {
	t.Parallel()
	s, c, _ := threeApps(t, nil)
	s.keep("www.example.org", "/shop/x", "main /shop/x")
	c.Apps = slices.Clone(c.Apps) // the edge has the old ones
	c.Apps[0].Hosts, c.Apps[0].Path = nil, "/shop/"
	s.reload(c)
	s.keep("www.example.org", "/shop/x", "shop /shop/x")
	c.Cache.StaleIfError = 1
	s.reload(c)
	if status := s.ask("GET /shop/x", "Host: www.example.org").Header.Get("Cache-Status"); !strings.HasPrefix(status, "holdfast; hit") {
		t.Errorf("a reload that moves nothing removes pages: %s", status)
	}
}
