package files

import (
	"net/http"
	"strings"
	"testing"

	"holdfast/internal/objects"
)

func TestOriginsMatchAsWritten(t *testing.T) {
	t.Parallel()
	f := func(pattern, origin string, wantExplicit, wantOK bool) {
		t.Helper()
		if explicit, ok := matchOrigin([]string{pattern}, origin); explicit != wantExplicit || ok != wantOK {
			t.Errorf("%s, %s: got %v, %v", pattern, origin, explicit, ok)
		}
	}
	f("https://app.example.com", "https://app.example.com", true, true)
	f("https://app.example.com", "http://app.example.com", false, false)
	f("https://app.example.com", "https://app.example.com.evil.org", false, false)
	f("https://*.example.com", "https://a.example.com", false, true)
	f("https://*.example.com", "https://example.com", false, false)
	f("https://*.example.com", "https://.example.com.evil.org", false, false)
	f("*", "null", false, true)
}

func TestHeadersOfAPreflightAreAllowedOneByOne(t *testing.T) {
	t.Parallel()
	f := func(asked string, allowed []string, want bool) {
		t.Helper()
		if got := headersAllowed(allowed, asked); got != want {
			t.Errorf("%s in %v: got %v", asked, allowed, got)
		}
	}
	f("content-type", nil, true)
	f("Content-Type, X-Requested-With", nil, true)
	f("content-type, x-secret", nil, false)
	f("x-anything", []string{"*"}, true)
	f("x-amz-meta-a", []string{"x-amz-*"}, true)
	f("authorization", []string{"x-amz-*"}, false)
}

// C-26: pages may load from the origins that the configuration names, and stay in a sandbox of their own origin.
func TestAPagesPolicyNamesOnlyTheConfiguredOrigins(t *testing.T) {
	t.Parallel()
	if got := (access{}).pagePolicy(); got != sandboxed {
		t.Error(got)
	}
	got := access{resources: []string{"https://app.example.com"}}.pagePolicy()
	for _, want := range []string{"default-src 'none'", "style-src 'unsafe-inline' https://app.example.com;", "sandbox allow-scripts"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q misses %q", got, want)
		}
	}
	if strings.Contains(got, "allow-same-origin") {
		t.Error("a page gets the origin of the files")
	}
}

func TestCookiesGoOnlyWithAnOriginWrittenInFull(t *testing.T) {
	t.Parallel()
	for _, explicit := range []bool{true, false} {
		h := http.Header{}
		access{vary: true, origin: "https://a.example.com", explicit: explicit, rule: objects.CORSRule{}}.setCORS(webFields(h))
		if got := h.Get("Access-Control-Allow-Credentials") == "true"; got != explicit {
			t.Errorf("explicit %v: credentials %v", explicit, got)
		}
		if h.Get("Vary") != "Origin" {
			t.Error("a cache would show one origin's answer to another")
		}
	}
}
