package exposure

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Verdict is what an answer means.
type Verdict string

// The verdicts. All but Refused and Fine are findings.
const (
	Refused  Verdict = "refused"    // 4xx, a way to a log-in, or the answer that any path gets
	Fine     Verdict = "fine"       // a page, without a listing
	Listed   Verdict = "listing"    // the names in a directory
	Served   Verdict = "file"       // a file of a private bucket
	Linked   Verdict = "link"       // a signed link to one, for anybody
	Git      Verdict = "git"        // the repository
	Env      Verdict = "env"        // the application's secrets
	Answered Verdict = "answered"   // something, of which it cannot be told what
	Sent     Verdict = "redirected" // somewhere that is no log-in
	Limited  Verdict = "limited"    // 429: too many requests
	Broken   Verdict = "error"      // 5xx
)

// judge says what the answer to a probe means; control is the answer to a path that cannot exist.
func judge(p probe, g, control got) Verdict {
	switch {
	case g.status == http.StatusTooManyRequests:
		return Limited
	case g.status >= 400 && g.status < 500:
		return Refused
	case g.status >= 500:
		return Broken
	case g.status >= 300:
		return judgeRedirect(p, g, control)
	case isListing(g.body):
		return Listed
	case p.kind == page:
		return Fine
	case isLogin(g) || alike(g, control):
		return Refused
	case p.kind == git && gitHead.MatchString(g.body):
		return Git
	case p.kind == env && envLine.MatchString(g.body) && g.kind != "text/html":
		return Env
	case p.kind == object && g.size == p.size:
		return Served
	}
	return Answered
}

func judgeRedirect(p probe, g, control got) Verdict {
	switch to := g.location; {
	case to == nil:
		return Answered
	case p.kind == object && isSigned(to):
		return Linked
	case loginPath.MatchString(to.Path) || loginPath.MatchString(to.Host):
		return Refused
	case control.location != nil && to.Host == control.location.Host && to.Path == control.location.Path:
		return Refused // as any path is sent
	case p.kind == page:
		return Fine
	}
	return Sent
}

var (
	loginPath = regexp.MustCompile(`(?i)(log-?in|sign-?in|\bauth|oauth|sso|saml|\bcas\b|openid|shibboleth)`)
	gitHead   = regexp.MustCompile(`^(ref: refs/|[0-9a-f]{40}\s*$)`)
	envLine   = regexp.MustCompile(`(?m)^\s*(export +)?[A-Za-z_][A-Za-z0-9_]*\s*=`)
	listing   = regexp.MustCompile(`(?i)<(title|h1)[^>]*>\s*(index of|directory listing|listing of|directory:|contents of)`)
	titleTag  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	password  = regexp.MustCompile(`(?i)<input[^>]*type=["']?password`)
)

// isListing reports whether a page is a web server's list of a directory: Apache, nginx, Caddy, Python, Jetty, lighttpd.
func isListing(body string) bool { return listing.MatchString(body) }

// isLogin reports whether a page asks for a password in place of what was asked for.
func isLogin(g got) bool { return g.kind == "text/html" && password.MatchString(g.body) }

// isSigned reports whether an address carries its own permission.
func isSigned(to *url.URL) bool {
	for name := range to.Query() {
		if slices.Contains([]string{"hf", "sig", "signature", "token", "x-amz-signature", "x-goog-signature", "expires"}, strings.ToLower(name)) {
			return true
		}
	}
	return strings.Contains(to.Path, "/m/")
}

// alike reports whether a site answers a probe as it answers any path: applications of one page answer each with the same one. It may
// differ in what is made anew for each visitor.
func alike(g, control got) bool {
	if g.status != control.status || g.kind != control.kind {
		return false
	}
	if g.body == control.body && g.size == control.size {
		return true
	}
	spread := max(g.size, control.size) - min(g.size, control.size)
	return g.kind == "text/html" && title(g) != "" && title(g) == title(control) && spread*10 <= max(g.size, control.size)
}

func title(g got) string {
	if m := titleTag.FindStringSubmatch(g.body); m != nil {
		return strings.TrimSpace(m[1])
	}
	return ""
}
