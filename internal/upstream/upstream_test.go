package upstream

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"holdfast/internal/unit"
)

func TestAnAddressOfAServerIsReadOrRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Server{
		"http://127.0.0.1:5000": {"http://127.0.0.1:5000", "tcp", "127.0.0.1:5000", "http", "127.0.0.1"},
		"http://app/":           {"http://app", "tcp", "app:80", "http", "app"},
		"https://app.internal":  {"https://app.internal", "tcp", "app.internal:443", "https", "app.internal"},
		"http://[::1]:8000":     {"http://[::1]:8000", "tcp", "[::1]:8000", "http", "::1"},
		"unix:/run/app.sock":    {"unix:/run/app.sock", "unix", "/run/app.sock", "http", ""},
	} {
		if got, err := ParseServer(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "app:5000", "unix:app.sock", "ftp://app", "http://", "http://a/path", "http://u:p@a", "http://a?b"} {
		if got, err := ParseServer(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

// S1-76: whom a request comes from, by what proxies say and who they are.
func TestAVisitorIsWhomTrustedProxiesName(t *testing.T) {
	t.Parallel()
	trust, err := ParseTrust([]string{"10.0.0.0/8", "2001:db8::1", TrustUnix})
	if err != nil {
		t.Fatal(err)
	}
	f := func(peer, forwarded, want string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		v := trust.Visitor(r)
		h := http.Header{}
		v.tell(h, "id", new(told))
		if got := h.Get("X-Forwarded-For"); got != want {
			t.Errorf("%s saying %q: %q, want %q", peer, forwarded, got, want)
		}
	}
	f("192.0.2.1:99", "", "192.0.2.1")
	f("192.0.2.1:99", "6.6.6.6", "192.0.2.1")
	f("10.0.0.1:99", "192.0.2.1", "192.0.2.1, 10.0.0.1")
	f("10.0.0.1:99", "6.6.6.6, 192.0.2.1, 10.0.0.2", "192.0.2.1, 10.0.0.2, 10.0.0.1")
	f("10.0.0.1:99", "6.6.6.6, nonsense", "10.0.0.1")
	f("10.0.0.1:99", "", "10.0.0.1")
	f("[2001:db8::1]:99", "[2001:db8::2]:1234", "2001:db8::2, 2001:db8::1")
	f("[::ffff:10.0.0.1]:99", "192.0.2.1", "192.0.2.1, 10.0.0.1")
	f("@", "192.0.2.1", "192.0.2.1")
	f("@", "", "")
	if _, err := ParseTrust([]string{"everybody"}); err == nil {
		t.Error("a name is no address")
	}
}

func TestNothingThatAVisitorForgesStays(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	for _, name := range []string{
		"Forwarded", "X-Real-IP", "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP",
		"X-Original-Forwarded-For", "X-Scheme", "X-Url-Scheme", "Front-End-Https", "X-Original-URL", "X-Rewrite-URL", "X-Original-Host",
		"X-Host", "X-Original-URI", "X-Original-Method", "X-SSL-Client-Cert", "X-Client-Cert", "X-HTTP-Host-Override", "X-Accel-Redirect",
		"X-Accel-Mapping", "X-Sendfile", "X-Sendfile-Type", "X-Lighttpd-Send-File", "X-Request-Start", "Proxy", "X-Forwarded-Anything",
	} {
		h.Set(name, "forged")
	}
	h["X_Real_Ip"], h["X-Forwarded_For"] = []string{"forged"}, []string{"forged"}
	h.Set("X-Kept", "1")
	CleanHeader(h, false)
	if len(h) != 1 {
		t.Errorf("left are %v", h)
	}
	h.Set("X-Forwarded-Prefix", "/app")
	h.Set("X-Accel-Mapping", "forged")
	CleanHeader(h, true)
	if h.Get("X-Forwarded-Prefix") == "" || h.Get("X-Accel-Mapping") != "" {
		t.Errorf("of a trusted proxy are left %v", h)
	}
}

func TestTheTimeInTheDatabaseIsReadFromServerTiming(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"db;dur=12.5": 12500 * time.Microsecond, `cache;desc="x", db;desc=y;dur=3, total;dur=9`: 3 * time.Millisecond,
		"start_processing.action_controller;dur=0.1, sql.active_record;dur=2.5": 2500 * time.Microsecond,
		"": 0, "db": 0, "db;dur=soon": 0, "db;dur=-1": 0, "db;dur=1e99": 0, "dbx;dur=1": 0,
	} {
		if got := databaseTime([]string{text}); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// S1-79: limits that cannot hold one another are refused.
func TestLimitsInTheWrongOrderAreRefused(t *testing.T) {
	t.Parallel()
	if p := DefaultConfig().Validate(); len(p) > 0 {
		t.Errorf("the defaults are refused: %v", p.Err())
	}
	f := func(change func(*Config), want string) {
		t.Helper()
		c := DefaultConfig()
		change(&c)
		if p := c.Validate(); len(p) != 1 || !strings.Contains(p.Err().Error(), want) {
			t.Errorf("got %v, want %q", p.Err(), want)
		}
	}
	f(func(c *Config) { c.Timeouts.Connect = c.Timeouts.Header }, "timeouts.connect")
	f(func(c *Config) { c.Timeouts.Total = unit.Duration(time.Second) }, "timeouts.total")
	f(func(c *Config) { c.Timeouts.Idle = 0 }, "timeouts.header")
	f(func(c *Config) { c.MaxBody = 0 }, "max_body")
	f(func(c *Config) { c.Sticky = "a b" }, "sticky")
	f(func(c *Config) { c.Health.Path = "health" }, "health.path")
	f(func(c *Config) { c.Health.Fall = 0 }, "health.fall")
	f(func(c *Config) { c.Health.Interval = 1 }, "health.interval")
}

func TestAServerThatCameBackGetsItsShareBitByBit(t *testing.T) {
	t.Parallel()
	now := time.Now()
	n := &node{warm: now.Add(10 * time.Second)}
	for after, want := range map[time.Duration]int{0: 100, 5 * time.Second: 500, 10 * time.Second: 1000, time.Hour: 1000} {
		if got := n.share(now.Add(after), 10*time.Second); got != want {
			t.Errorf("after %s: %d, want %d", after, got, want)
		}
	}
}
