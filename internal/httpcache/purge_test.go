package httpcache

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"holdfast/internal/fault"
)

// tagged answers with a page whose tags are its path and its first segment.
func tagged(w http.ResponseWriter, q *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	answer(w, http.StatusOK, q.URL.Path, "Cache-Control: max-age=600", "Surrogate-Key: all "+first, "Cache-Tag: path:"+q.URL.Path, "Vary: Accept-Language")
}

// Issue 5: removal by address, prefix and tag, in memory and on disk, in every language.
func TestPurge(t *testing.T) {
	t.Parallel()
	all := []string{
		"http://a/", "http://a/news/1", "http://a/news/2?page=2", "http://a/newsletter", "https://a/news/1", "http://b/news/1", "http://b:8080/about",
	}
	f := func(p Purge, gone ...int) {
		t.Helper()
		for _, config := range []func(*Config){nil, func(c *Config) { c.Disk = 10e6 }} {
			r := newRig(t, func(c *Config) {
				c.IgnoreQuery = []string{"utm_*"}
				if config != nil {
					config(c)
				}
			}, tagged)
			for _, target := range all {
				r.ask("GET "+target, "Accept-Language: de")
				r.ask("GET "+target, "Accept-Language: en")
			}
			if n, err := r.Purge(p); err != nil || n < len(gone) || len(gone) == 0 && n > 0 {
				t.Errorf("%+v: %d, %v", p, n, err)
			}
			for i, target := range all {
				for _, lang := range []string{"de", "en"} {
					r.ask("GET "+target, "Accept-Language: "+lang)
					want := Hit
					for _, g := range gone {
						if g == i {
							want = Miss
						}
					}
					if r.result() != want {
						t.Errorf("%+v: %s in %s: %s; want %s", p, target, lang, r.result(), want)
					}
				}
			}
		}
	}
	f(Purge{All: true}, 0, 1, 2, 3, 4, 5, 6)
	f(Purge{URL: "http://a/news/1"}, 1, 4)
	f(Purge{URL: "https://A:443/news/1"}, 1, 4)
	f(Purge{URL: "http://a/news/2?page=2&utm_source=x"}, 2)
	f(Purge{URL: "http://a/news/2"})
	f(Purge{URL: "http://a"}, 0)
	f(Purge{URL: "/news/1"}, 1, 4, 5)
	f(Purge{URL: "/news/2?page=2"}, 2)
	f(Purge{URL: "http://b:8080/about"}, 6)
	f(Purge{URL: "http://b/about"})
	f(Purge{URLs: []string{"http://a/news/1", "/news/2?page=2", "https://b:8080/about"}}, 1, 2, 4, 6)
	f(Purge{URLs: []string{"/news/1", "/newsletter", "/nowhere"}}, 1, 3, 4, 5)
	f(Purge{Prefix: "/news/"}, 1, 2, 4, 5)
	f(Purge{Prefix: "/news"}, 1, 2, 3, 4, 5)
	f(Purge{Prefix: "http://a/news/"}, 1, 2, 4)
	f(Purge{Prefix: "https://b"}, 5, 6)
	f(Purge{Tag: "news"}, 1, 2, 4, 5)
	f(Purge{Tag: "path:/newsletter"}, 3)
	f(Purge{Tag: "all"}, 0, 1, 2, 3, 4, 5, 6)
	f(Purge{Tag: "al"})
}

func TestAnOrderThatSaysNothingIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil, tagged)
	for _, p := range []Purge{
		{}, {All: true, Tag: "x"}, {URL: "news"}, {URL: "//a/b"}, {Prefix: "ftp://a/"}, {Prefix: "http:///x"}, {Tag: strings.Repeat("x", 5000)}, {URL: "http://a/%zz"},
	} {
		if _, err := r.Purge(p); fault.KindOf(err) != fault.Usage {
			t.Errorf("%.40v: %v", p, err)
		}
	}
}

// What is removed while it is on its way is given to those who asked before, and not stored; who asks after asks anew.
func TestWhatIsRemovedOnItsWayIsNotStored(t *testing.T) {
	t.Parallel()
	orders := map[string]func(*rig){
		"url":    func(r *rig) { _, _ = r.Purge(Purge{URL: "http://site/a/b"}) },
		"prefix": func(r *rig) { _, _ = r.Purge(Purge{Prefix: "/a"}) },
		"tag":    func(r *rig) { _, _ = r.Purge(Purge{Tag: "a"}) },
		"all":    func(r *rig) { _, _ = r.Purge(Purge{All: true}) },
		"post":   func(r *rig) { r.ask("POST /a/b") },
	}
	for name, order := range orders {
		for _, stage := range []string{"before the header", "within the body"} {
			synctest.Test(t, func(t *testing.T) {
				go1 := make(chan struct{})
				var n atomic.Int64
				r := newRig(t, nil, func(w http.ResponseWriter, q *http.Request) {
					if q.Method == http.MethodPost {
						return
					}
					first := n.Add(1) == 1
					if first && stage == "before the header" {
						<-go1
					}
					w.Header().Set("Cache-Control", "max-age=600")
					w.Header().Set("Surrogate-Key", "a")
					w.Header().Set("Content-Length", "4")
					_, _ = io.WriteString(w, "bo")
					if first && stage != "before the header" {
						<-go1
					}
					_, _ = io.WriteString(w, "dy")
				})
				early := r.visit(nil, "GET /a/b")
				synctest.Wait()
				order(r)
				late := r.visit(nil, "GET /a/b")
				<-late.gone
				close(go1)
				<-early.gone
				if early.got() != "body" || late.got() != "body" || n.Load() != 2 {
					t.Errorf("%s %s: %q, %q, asked %d times", name, stage, early.got(), late.got(), n.Load())
				}
				order(r)
				r.ask("GET /a/b")
				if r.result() != Miss {
					t.Errorf("%s %s: then %s", name, stage, r.result())
				}
			})
		}
	}
}

// After a removal nobody gets what was there before it, whatever else goes on. The application's pages say how often they were changed.
func TestNobodyReadsWhatWasRemoved(t *testing.T) {
	t.Parallel()
	var versions [8]atomic.Int64
	r := newRig(t, func(c *Config) { c.Disk, c.Memory = 10e6, 1e6 }, nil)
	r.app = func(w http.ResponseWriter, q *http.Request) {
		var i int
		_, _ = fmt.Sscanf(q.URL.Path, "/%d", &i)
		if q.Method != http.MethodGet {
			versions[i].Add(1)
			return
		}
		fields := []string{"Cache-Control: max-age=600", "Surrogate-Key: t" + itoa(i)}
		if i%2 == 0 {
			fields = append(fields, "Vary: Accept-Language")
		}
		answer(w, http.StatusOK, itoa(int(versions[i].Load()))+strings.Repeat(".", i*9000), fields...)
	}
	rounds := 80
	if os.Getenv("HOLDFAST_SOAK") != "" {
		rounds = 5000
	}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 5))
			for range rounds {
				i := random.IntN(len(versions))
				path := "/" + itoa(i)
				if w == 0 {
					switch random.IntN(4) {
					case 0:
						r.ask("POST " + path)
					case 1:
						versions[i].Add(1)
						_, _ = r.Purge(Purge{Tag: "t" + itoa(i)})
					case 2:
						versions[i].Add(1)
						_, _ = r.Purge(Purge{Prefix: path})
					default:
						versions[i].Add(1)
						_, _ = r.Purge(Purge{URL: path})
					}
				}
				least := int64(-1)
				if w == 0 {
					least = versions[i].Load() // nobody else changes it: what comes must be as new
				}
				got := r.ask("GET "+path, "Accept-Language: "+[]string{"de", "en"}[random.IntN(2)])
				var n int64
				_, _ = fmt.Sscanf(strings.TrimRight(got.Body.String(), "."), "%d", &n)
				if n < least || got.Body.Len() < i*9000 {
					t.Errorf("%s: version %d after %d, %d bytes, %s", path, n, least, got.Body.Len(), got.Result().Header["Cache-Status"])
				}
			}
		})
	}
	all.Wait()
}
