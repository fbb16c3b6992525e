package httpcache

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Whatever Cache-Control says, times are none or within bounds, and what is said twice is not understood more freely than what is
// said once.
func FuzzCacheControl(f *testing.F) {
	for _, text := range []string{
		"max-age=60", `private="a, b", max-age=1`, "no-store,no-cache", `x="unterminated`, `"no-store"`, "max-age=60, max-age=1", "s-maxage=\"5\" , public",
		"stale-while-revalidate=99999999999999999999", ",,=,=\"\\", "max-age==5",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d := parseDirectives(http.Header{"Cache-Control": {text}})
		for _, age := range []time.Duration{d.maxAge, d.sharedMaxAge, d.whileRevalidate, d.ifError, d.minFresh, d.maxStale} {
			if age != absent && (age < 0 || age > forever) {
				t.Errorf("%q: %s", text, age)
			}
		}
		twice := parseDirectives(http.Header{"Cache-Control": {text, "no-store, private, max-age=0"}})
		if !twice.noStore || !twice.private || twice.maxAge != 0 {
			t.Errorf("%q hides what another line says: %+v", text, twice)
		}
		if lower := strings.ToLower(text); !strings.ContainsAny(lower, `"\`) {
			for part := range strings.SplitSeq(lower, ",") {
				if name, _, _ := strings.Cut(part, "="); strings.Trim(name, " \t") == "no-store" && !d.noStore {
					t.Errorf("%q: no-store is not seen", text)
				}
			}
		}
	})
}

// A dictionary that can be read is read the same when it is read again, and whatever it is, nothing breaks.
func FuzzTargetedCacheControl(f *testing.F) {
	for _, text := range []string{"max-age=60", "no-store=?0, max-age=1;x=\"y\"", "a=:YQ==:, b=1.5", "x=(1 2)", "max-age=60,", "*a=b", `a="\""`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, ok := parseTargeted(http.Header{"Cdn-Cache-Control": {text}})
		again, okAgain := parseTargeted(http.Header{"Cdn-Cache-Control": {" " + text + " "}})
		if ok != okAgain || ok && d != again {
			t.Errorf("%q reads as %+v, %t and %+v, %t", text, d, ok, again, okAgain)
		}
	})
}

// Two requests that differ in what the application sees and the cache compares are never one: neither slot nor choice is the same.
func FuzzTwoRequestsAreNotTakenForOne(f *testing.F) {
	f.Add("a.example", "/x", "q=1", "X-A", "1", "b.example", "/x", "q=1", "X-A", "1")
	f.Add("a", "/x", "", "X-A", "1\n\t2", "a", "/x", "", "X-A", "1")
	f.Add("a", "/", "x=1&y", "X", "", "a", "/", "x=1&y", "Y", "")
	f.Fuzz(func(t *testing.T, host1, path1, query1, name1, value1, host2, path2, query2, name2, value2 string) {
		c := New(Options{Config: DefaultConfig()})
		make1 := func(host, path, query, name, value string) (*http.Request, *identity) {
			if !isToken(name) || strings.ContainsAny(value+query+host, "\r\n\x00 #?/@") || !strings.HasPrefix(path, "/") || host == "" {
				return nil, nil
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Host, r.URL.Path, r.URL.RawQuery = host, path, query
			r.Header = http.Header{http.CanonicalHeaderKey("X-" + name): {value}}
			return r, c.identify(c.settings.Load(), r)
		}
		r1, id1 := make1(host1, path1, query1, name1, value1)
		r2, id2 := make1(host2, path2, query2, name2, value2)
		if r1 == nil || r2 == nil {
			return
		}
		same := strings.EqualFold(host1, host2) && path1 == path2 && query1 == query2 &&
			http.CanonicalHeaderKey("X-"+name1) == http.CanonicalHeaderKey("X-"+name2) && value1 == value2
		one := id1.address == id2.address && id1.choice(r1, nil, "salt") == id2.choice(r2, nil, "salt")
		harmlessBoth := harmless[http.CanonicalHeaderKey("X-"+name1)] && harmless[http.CanonicalHeaderKey("X-"+name2)]
		if one && !same && !harmlessBoth && !strings.ContainsAny(host1+host2, ":[]") {
			t.Errorf("%q %q and %q %q are one", id1.address, r1.Header, id2.address, r2.Header)
		}
	})
}
