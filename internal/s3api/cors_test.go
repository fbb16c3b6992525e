package s3api

import (
	"testing"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
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

func TestRulesThatS3RefusesAreRefused(t *testing.T) {
	t.Parallel()
	f := func(r s3wire.CORSRule, ok bool) {
		t.Helper()
		if err := checkCORSRule(r); (err == nil) != ok {
			t.Errorf("%+v: %v", r, err)
		}
	}
	one := func(s ...string) []string { return s }
	f(s3wire.CORSRule{AllowedOrigins: one("*"), AllowedMethods: one("GET"), AllowedHeaders: one("*")}, true)
	f(s3wire.CORSRule{AllowedOrigins: one("*"), AllowedMethods: one("PATCH")}, false)
	f(s3wire.CORSRule{AllowedOrigins: one("*")}, false)
	f(s3wire.CORSRule{AllowedMethods: one("GET")}, false)
	f(s3wire.CORSRule{AllowedOrigins: one("*.*"), AllowedMethods: one("GET")}, false)
	f(s3wire.CORSRule{AllowedOrigins: one("*"), AllowedMethods: one("GET"), ExposeHeaders: one("a b")}, false)
	f(s3wire.CORSRule{AllowedOrigins: one("*"), AllowedMethods: one("GET"), AllowedHeaders: one("x\r\ny")}, false)
}
