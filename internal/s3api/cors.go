package s3api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

func getBucketCors(c *call) error {
	b, err := c.bucketRow()
	if err != nil {
		return err
	}
	if len(b.CORS) == 0 {
		return s3wire.NoSuchCORSConfiguration.New().With("BucketName", c.bucket)
	}
	var doc s3wire.CORSConfiguration
	for _, r := range b.CORS {
		doc.Rules = append(doc.Rules, wireRule(r))
	}
	return c.send(&doc)
}

func putBucketCors(c *call) error {
	var doc s3wire.CORSConfiguration
	if err := c.decode(&doc); err != nil {
		return err
	}
	rules := make([]objects.CORSRule, len(doc.Rules))
	for i, r := range doc.Rules {
		rules[i] = objects.CORSRule{
			ID: r.ID, AllowedHeaders: r.AllowedHeaders, AllowedMethods: r.AllowedMethods, AllowedOrigins: r.AllowedOrigins,
			ExposeHeaders: r.ExposeHeaders, MaxAgeSeconds: r.MaxAgeSeconds,
		}
	}
	return c.changeBucket(http.StatusOK, func(b *objects.Bucket) error {
		b.CORS = rules
		return nil
	})
}

// wireRule is a stored rule as S3 writes it.
func wireRule(r objects.CORSRule) s3wire.CORSRule {
	return s3wire.CORSRule{
		ID: r.ID, AllowedHeaders: r.AllowedHeaders, AllowedMethods: r.AllowedMethods, AllowedOrigins: r.AllowedOrigins,
		ExposeHeaders: r.ExposeHeaders, MaxAgeSeconds: r.MaxAgeSeconds,
	}
}

func deleteBucketCors(c *call) error {
	return c.changeBucket(http.StatusNoContent, func(b *objects.Bucket) error {
		b.CORS = nil
		return nil
	})
}

func corsMethod(m string) bool {
	return slices.Contains([]string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodHead}, m)
}

// preflight answers a browser that asks whether a page of another origin may send a request. It says the same of a
// bucket that does not exist and of one that has no rules.
func preflight(c *call) error {
	origin := c.r.Header.Get("Origin")
	method := c.r.Header.Get("Access-Control-Request-Method")
	if origin == "" {
		return s3wire.BadRequest.Newf("Insufficient information. Origin request header needed.")
	}
	if !corsMethod(method) {
		return s3wire.BadRequest.Newf("Invalid Access-Control-Request-Method: %s", method)
	}
	wanted, err := corsWanted(c.r.Header.Get("Access-Control-Request-Headers"))
	if err != nil {
		return err
	}
	b, err := c.bucketRow()
	if err != nil || len(b.CORS) == 0 {
		if isUnavailable := err != nil && c.classify(err).Code != s3wire.NoSuchBucket; isUnavailable {
			return err
		}
		return c.corsForbidden("CORSResponse: CORS is not enabled for this bucket.", method)
	}
	rule := corsRule(b.CORS, origin, method, wanted)
	if rule == nil {
		return c.corsForbidden("CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.", method)
	}
	h := c.Header()
	c.corsHeaders(rule, origin)
	if len(wanted) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.ToLower(strings.Join(wanted, ", ")))
	}
	if rule.MaxAgeSeconds > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(rule.MaxAgeSeconds))
	}
	return c.sendNothing(http.StatusOK)
}

func (c *call) corsForbidden(message, method string) error {
	kind := "BUCKET"
	if c.level() == object {
		kind = "OBJECT"
	}
	return s3wire.AccessForbidden.Newf("%s", message).With("Method", method).With("ResourceType", kind)
}

// corsWanted takes apart the list of headers that a page wants to send.
func corsWanted(list string) ([]string, error) {
	if list == "" {
		return nil, nil
	}
	var out []string
	for h := range strings.SplitSeq(list, ",") {
		name := strings.TrimSpace(h)
		if name == "" || !token(name) {
			return nil, s3wire.BadRequest.Newf("Access-Control-Request-Headers \"%s\" contains invalid character.", h)
		}
		out = append(out, name)
	}
	return out, nil
}

// allowOrigin adds to the answer of a cross-origin request what lets the page's script see it.
func (c *call) allowOrigin() {
	origin := c.r.Header.Get("Origin")
	if origin == "" || c.bucket == "" || c.op.Right == rightNone {
		return
	}
	b, err := c.bucketRow()
	if err != nil {
		return
	}
	if rule := corsRule(b.CORS, origin, c.r.Method, nil); rule != nil {
		c.corsHeaders(rule, origin)
	}
}

// corsHeaders writes what preflights and answers share. With a wildcard origin there are no credentials to protect:
// S3 requests carry their proof themselves, never in cookies.
func (c *call) corsHeaders(rule *objects.CORSRule, origin string) {
	h := c.Header()
	if slices.Contains(rule.AllowedOrigins, "*") {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(rule.AllowedMethods, ", "))
	if len(rule.ExposeHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	h.Add("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}

// corsRule returns the first rule that allows the request.
func corsRule(rules []objects.CORSRule, origin, method string, wanted []string) *objects.CORSRule {
	for i := range rules {
		if wireRule(rules[i]).Allows(origin, method, wanted) {
			return &rules[i]
		}
	}
	return nil
}
