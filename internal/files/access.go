package files

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/objects"
)

// access is what a bucket's policy says about the page that asks: may its scripts read the answer (CORS), may another
// site embed it (CORP), what may a page of the bucket load.
type access struct {
	shared    bool // other sites may embed files of this bucket
	vary      bool // the answer depends on the Origin header
	origin    string
	explicit  bool // the origin is written in the rule, so cookies may go with it
	rule      objects.CORSRule
	inline    []string
	resources []string
	safe      []string // the policy of files that are no pages
	frames    string   // who may show files in a frame: the end of a policy
}

// exposed are the headers that a script may read besides the safelisted ones.
const exposed = "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Repr-Digest"

// access answers from memory. A bucket that is not known (any more) gets the strictest policy.
func (f *Files) access(ctx context.Context, bucket, origin, method string) access {
	b, err := f.index.Bucket(ctx, bucket)
	return f.accessTo(bucket, b, err == nil, origin, method)
}

// accessTo is access for a bucket that was looked up already.
func (f *Files) accessTo(bucket string, b objects.Bucket, known bool, origin, method string) access {
	settings := f.config.Buckets[bucket]
	a := access{inline: settings.Inline, resources: settings.Resources, safe: f.safe, frames: f.frames}
	if !known {
		return a
	}
	a.shared = b.Public || len(b.CORS) > 0
	a.vary = len(b.CORS) > 0
	if origin == "" {
		return a
	}
	for _, rule := range b.CORS {
		if explicit, ok := matchOrigin(rule.AllowedOrigins, origin); ok && slices.Contains(rule.AllowedMethods, method) {
			a.origin, a.explicit, a.rule = origin, explicit, rule
			break
		}
	}
	return a
}

// matchOrigin finds an origin in a rule. A pattern may hold one "*" (S3 PutBucketCors).
func matchOrigin(patterns []string, origin string) (explicit, ok bool) {
	for _, p := range patterns {
		before, after, wild := strings.Cut(p, "*")
		switch {
		case !wild && p == origin:
			return true, true
		case wild && len(origin) >= len(before)+len(after) && strings.HasPrefix(origin, before) && strings.HasSuffix(origin, after):
			return false, true
		}
	}
	return false, false
}

// setCORS writes the answer's part of the Fetch standard, section 3.2. Cookies go only with an origin written in full.
func (a access) setCORS(h fields) {
	if a.vary {
		h.set("Vary", "Origin")
	}
	if a.origin == "" {
		return
	}
	h.set("Access-Control-Allow-Origin", a.origin)
	if a.explicit {
		h.set("Access-Control-Allow-Credentials", "true")
	}
	h.set("Access-Control-Expose-Headers", strings.Join(append([]string{exposed}, a.rule.ExposeHeaders...), ", "))
}

// preflight answers an OPTIONS request (Fetch standard, section 4.8) and reports whether the origin is welcome.
func (a access) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	setSafe(webFields(h), safePolicy, sameSite)
	h.Add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	if a.origin != "" {
		h.Set("Access-Control-Allow-Origin", a.origin)
		h.Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && headersAllowed(a.rule.AllowedHeaders, asked) {
			h.Set("Access-Control-Allow-Headers", asked)
		}
		if a.explicit {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		if a.rule.MaxAgeSeconds > 0 {
			h.Set("Access-Control-Max-Age", strconv.Itoa(a.rule.MaxAgeSeconds))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// headersAllowed reports whether every asked header is allowed. A rule without headers allows those that an upload or
// a ranged download needs.
func headersAllowed(allowed []string, asked string) bool {
	if len(allowed) == 0 {
		allowed = []string{"content-type", "content-digest", "content-md5", "range", "if-none-match", "if-range", "x-requested-with"}
	}
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if !slices.ContainsFunc(allowed, func(p string) bool {
			before, after, wild := strings.Cut(strings.ToLower(p), "*")
			return !wild && before == name || wild && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
		}) {
			return false
		}
	}
	return true
}

// framesOf says by Content-Security-Policy Level 3, section 6.4.2, who may show files in frames. Browsers that read it do not
// read X-Frame-Options, which can name no host but the file's own.
func framesOf(hosts []string) string {
	if len(hosts) == 0 {
		return ""
	}
	return "; frame-ancestors 'self' " + strings.Join(hosts, ":* ") + ":*"
}

// pagePolicy is the policy of pages that the bucket's configuration allows to be shown (C-26): still a sandbox of an
// origin of its own, which may load what the configuration names.
func (a access) pagePolicy() string {
	if len(a.resources) == 0 {
		return sandboxed + a.frames
	}
	from := " " + strings.Join(a.resources, " ")
	return "default-src 'none'; style-src 'unsafe-inline'" + from + "; img-src data:" + from + "; font-src data:" + from +
		"; media-src 'self'" + from + "; script-src" + from + "; sandbox allow-scripts" + a.frames
}
