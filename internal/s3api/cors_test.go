package s3api

import (
	"testing"

	"holdfast/internal/objects"
)

// S0-40: an origin is let in by a rule that names it, never by accident.
func TestTheFirstRuleThatAllowsARequestIsTaken(t *testing.T) {
	t.Parallel()
	rules := []objects.CORSRule{
		{ID: "app", AllowedOrigins: []string{"https://app.example.com"}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"content-type", "x-amz-*"}},
		{ID: "sub", AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"GET"}},
		{ID: "all", AllowedOrigins: []string{"*"}, AllowedMethods: []string{"HEAD"}},
	}
	f := func(origin, method, want string, headers ...string) {
		t.Helper()
		got := ""
		if r := corsRule(rules, origin, method, headers); r != nil {
			got = r.ID
		}
		if got != want {
			t.Errorf("%s %s %v: rule %q, want %q", origin, method, headers, got, want)
		}
	}
	f("https://app.example.com", "PUT", "app", "Content-Type", "X-Amz-Date")
	f("https://app.example.com", "PUT", "", "authorization")
	f("https://app.example.com", "GET", "sub")
	f("https://example.com", "GET", "")
	f("http://app.example.com", "GET", "")
	f("https://app.example.com.evil.net", "GET", "")
	f("https://evil.net", "HEAD", "all")
	f("null", "PUT", "")
}
