package edge_test

import (
	"strings"
	"testing"

	"holdfast/internal/edge"
	"holdfast/internal/throttle"
)

func TestEveryMistakeInTheTableIsNamed(t *testing.T) {
	t.Parallel()
	if p := edge.DefaultConfig().Validate(); len(p) > 0 {
		t.Errorf("the defaults are refused: %v", p.Err())
	}
	f := func(change func(*edge.Config), want string) {
		t.Helper()
		c := edge.DefaultConfig()
		change(&c)
		p := c.Validate()
		for _, x := range p {
			if strings.HasPrefix(x.Key, want) && x.Hint != "" {
				return
			}
		}
		t.Errorf("%s is not named in %v", want, p)
	}
	f(func(c *edge.Config) { c.Hosts = []string{"https://a"} }, "hosts")
	f(func(c *edge.Config) { c.RedirectHTTPS = true }, "redirect_https")
	f(func(c *edge.Config) { c.Listeners = []edge.Listener{{Listen: "0.0.0.0:80"}} }, "listeners[0].listen")
	f(func(c *edge.Config) { c.Listeners = []edge.Listener{{Listen: "127.0.0.1:443", TLS: true}} }, "listeners[0].tls")
	f(func(c *edge.Config) { c.Certificates = []edge.Certificate{{Cert: "/none", Key: "/none"}} }, "certificates[0].cert")
	f(func(c *edge.Config) { c.Upstreams = []string{"app"} }, "upstreams")
	f(func(c *edge.Config) { c.Upstreams = []string{"http://a", "http://a/"} }, "upstreams")
	f(func(c *edge.Config) { c.TrustedProxies = []string{"proxy"} }, "trusted_proxies")
	f(func(c *edge.Config) { c.LimitsExempt = []string{"10/8"} }, "limits_exempt")
	f(func(c *edge.Config) { c.Identity = "sessionid" }, "identity")
	f(func(c *edge.Config) { c.Limits = []throttle.Rule{{Path: "/"}} }, "limits[0].rate")
	f(func(c *edge.Config) { c.Limits = []throttle.Rule{{Path: "/", Rate: "5/w"}} }, "limits[0].rate")
	f(func(c *edge.Config) { c.Limits = []throttle.Rule{{Path: "x", Rate: "5/s", By: "moon"}} }, "limits[0].by")
	f(func(c *edge.Config) { c.Auth = []edge.AuthRule{{Path: "/a", URL: "/b"}} }, "auth[0].url")
	f(func(c *edge.Config) { c.Auth = []edge.AuthRule{{Path: "/a", URL: "b", Copy: []string{"X_User"}}} }, "auth[0].copy")
	f(func(c *edge.Config) { c.Accel = []edge.Accel{{Prefix: "/a", To: "files"}} }, "accel[0].prefix")
	f(func(c *edge.Config) { c.Accel = []edge.Accel{{Prefix: "/a/", To: "disk"}} }, "accel[0].to")
	f(func(c *edge.Config) { c.Headers.FrameOptions = "a\r\nb" }, "headers.frame_options")
}
