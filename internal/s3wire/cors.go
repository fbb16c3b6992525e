package s3wire

import (
	"slices"
	"strings"
)

// check refuses what S3 refuses in a rule.
func (r CORSRule) check() error {
	for _, m := range r.AllowedMethods {
		if !slices.Contains([]string{"GET", "PUT", "POST", "DELETE", "HEAD"}, m) {
			return InvalidRequest.Newf("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
		}
	}
	for _, o := range r.AllowedOrigins {
		if strings.Count(o, "*") > 1 {
			return InvalidRequest.Newf("AllowedOrigin %q can not have more than one wildcard.", o)
		}
	}
	for _, h := range slices.Concat(r.AllowedHeaders, r.ExposeHeaders) {
		if strings.Count(h, "*") > 1 || !isHeaderName(h) {
			return InvalidRequest.Newf("AllowedHeader \"%s\" contains invalid character.", h)
		}
	}
	return nil
}

// isHeaderName reports whether s can be the name of a header, or a pattern of one (RFC 9110 section 5.6.2).
func isHeaderName(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte("\"(),/:;<=>?@[\\]{}", s[i]) >= 0 {
			return false
		}
	}
	return s != ""
}

// Allows reports whether the rule lets a page of the origin make a request with the method and headers (those named in
// Access-Control-Request-Headers; none for a simple request).
func (r CORSRule) Allows(origin, method string, headers []string) bool {
	if !slices.Contains(r.AllowedMethods, method) || !matchesAny(r.AllowedOrigins, origin) {
		return false
	}
	for _, h := range headers {
		if !matchesAny(r.AllowedHeaders, strings.ToLower(strings.TrimSpace(h))) {
			return false
		}
	}
	return true
}

// matchesAny reports whether a pattern with at most one asterisk matches; header patterns may be in any case.
func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		before, after, wild := strings.Cut(p, "*")
		if !wild {
			return strings.EqualFold(p, s)
		}
		return len(s) >= len(before)+len(after) && strings.EqualFold(s[:len(before)], before) &&
			strings.EqualFold(s[len(s)-len(after):], after)
	})
}
