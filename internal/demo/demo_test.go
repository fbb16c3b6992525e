package demo_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/internal/demo"
)

// site stands in for the files feature: it remembers what it was asked.
type site struct{ asked []string }

func (s *site) SlotURL(_ context.Context, bucket, key, mediaType string, _ int64, _ time.Duration) (string, error) {
	s.asked = append(s.asked, "slot "+bucket+" "+key+" "+mediaType)
	return "/u/token", nil
}

func (s *site) LinkURL(_ context.Context, bucket, key string, expired bool) (string, error) {
	s.asked = append(s.asked, "link "+bucket+" "+key)
	if expired {
		return "/m/expired", nil
	}
	return "/m/token", nil
}

func setup() (*site, http.Handler) {
	s, mux := &site{}, http.NewServeMux()
	for pattern, h := range demo.Routes(s, nil) {
		mux.Handle(pattern, h)
	}
	return s, mux
}

func post(h http.Handler, path, body string, header bool) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if header {
		r.Header.Set("X-Holdfast-Demo", "1")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestThePageAndItsPartsAreServedWithAPolicy(t *testing.T) {
	t.Parallel()
	_, h := setup()
	for path, want := range map[string]string{"/": "<h1>Holdfast</h1>", "/demo/demo.js": "XMLHttpRequest", "/demo/style.css": "--accent"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: %d, policy %q", path, w.Code, policy)
		}
	}
}

func TestRightsAreGivenToThePageOnly(t *testing.T) {
	t.Parallel()
	s, h := setup()
	for _, path := range []string{"/demo/slot", "/demo/link"} {
		if w := post(h, path, `{"key":"k"}`, false); w.Code != http.StatusForbidden {
			t.Errorf("%s without the header: %d", path, w.Code)
		}
	}
	if len(s.asked) != 0 {
		t.Fatalf("asked for %q", s.asked)
	}
	if w := post(h, "/demo/slot", `{"key":"k","type":"image/png"}`, true); w.Code != 200 || !strings.Contains(w.Body.String(), "/u/token") {
		t.Errorf("slot: %d %s", w.Code, w.Body)
	}
	if w := post(h, "/demo/link", `{"key":"k","expired":true}`, true); w.Code != 200 || !strings.Contains(w.Body.String(), "/m/expired") {
		t.Errorf("link: %d %s", w.Code, w.Body)
	}
	if got := strings.Join(s.asked, "; "); got != "slot demo k image/png; link demo k" {
		t.Errorf("asked for %s", got)
	}
}

// S3-13: the stylesheet is what a framework's is, and the same in every run, so that figures can be compared.
func TestTheStylesheetIsOfTheSizeOfAFrameworks(t *testing.T) {
	t.Parallel()
	css := demo.Stylesheet()
	if len(css) < 220_000 || len(css) > 225_000 || string(css) != string(demo.Stylesheet()) {
		t.Errorf("the stylesheet has %d bytes, or differs from run to run", len(css))
	}
	if strings.Count(string(css), "{") != strings.Count(string(css), "}") {
		t.Error("its brackets are not balanced")
	}
}
