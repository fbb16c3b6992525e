package httpcache

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// heuristicMost bounds what is guessed from Last-Modified (RFC 9111 section 4.2.2 recommends a tenth of its age).
const heuristicMost = 24 * time.Hour

// maxSelectors is how many fields may tell the answers of one address apart.
const maxSelectors = 12

// storable are the statuses that are stored. Those that a strange request can provoke (400, 403, 405, 414, 5xx) are not among
// them, whatever the answer says.
func storable(status int) bool {
	switch status {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent, http.StatusMultipleChoices, http.StatusMovedPermanently,
		http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusNotFound, http.StatusGone:
		return true
	}
	return false
}

// lasting are the statuses to which a time may be given that the answer does not say (RFC 9110 section 15.1).
func lasting(status int) bool {
	return storable(status) && status != http.StatusFound && status != http.StatusTemporaryRedirect
}

// judge makes an object of an answer, or says in a word why it is not stored.
func (s *settings) judge(id *identity, status int, h http.Header, asked, now time.Time) (*object, string) {
	d, targeted := parseTargeted(h)
	if !targeted {
		d = parseDirectives(h)
	}
	if why := refuses(id, status, h, d); why != "" {
		return nil, why
	}
	o := &object{
		url: id.address, serial: rand.Text(), status: status, asked: asked, came: now,
		noCache: d.noCache, strict: d.mustRevalidate || d.proxyRevalidate || d.sharedMaxAge != absent || d.noCache,
		open: d.public || d.sharedMaxAge != absent,
	}
	o.initialAge = initialAge(h, asked, now)
	var explicit bool
	o.lifetime, explicit = s.lifetime(id, status, h, d, targeted, now)
	if !explicit {
		return nil, "no time given"
	}
	o.grace(s, d)
	if o.lifetime == 0 && o.whileRevalidate == 0 && !hasValidator(h) {
		return nil, "never fresh"
	}
	var ok bool
	if o.selectors, ok = selectors(id.rule, h); !ok {
		return nil, "varies too much"
	}
	if o.header, o.tags = storedHeader(h); len(o.tags) > maxTags {
		return nil, "too many tags"
	}
	return o, ""
}

// refuses says why an answer is not stored, whatever its time.
func refuses(id *identity, status int, h http.Header, d directives) string {
	switch {
	case !storable(status):
		return "status"
	case d.noStore && !d.mustUnderstand: // which statuses are stored is understood (RFC 9111 section 5.2.2.3)
		return "no-store"
	case d.private:
		return "private"
	case len(h["Set-Cookie"]) > 0 || len(h["Set-Cookie2"]) > 0:
		return "sets a cookie"
	case id.auth && !d.public && d.sharedMaxAge == absent:
		return "authorization"
	case len(h["Trailer"]) > 0 || len(h["Content-Range"]) > 0:
		return "not plain"
	}
	return ""
}

// lifetime is how long an answer is fresh (RFC 9111 section 4.2.1), and whether anybody said so.
func (s *settings) lifetime(id *identity, status int, h http.Header, d directives, targeted bool, now time.Time) (time.Duration, bool) {
	switch {
	case d.sharedMaxAge != absent:
		return d.sharedMaxAge, true
	case d.maxAge != absent:
		return d.maxAge, true
	case len(h["Expires"]) > 0 && !targeted:
		expires, err := http.ParseTime(h["Expires"][0])
		if err != nil || len(h["Expires"]) > 1 {
			return 0, true
		}
		return min(max(0, expires.Sub(dateOf(h, now))), forever), true
	case d.noCache:
		return 0, true
	case id.rule.ttl > 0 && lasting(status):
		return id.rule.ttl, true
	case s.heuristics && lasting(status):
		changed, err := http.ParseTime(h.Get("Last-Modified"))
		if err != nil {
			return 0, false
		}
		tenth := dateOf(h, now).Sub(changed) / 10
		return min(max(0, tenth), heuristicMost), tenth > 0
	}
	return 0, false
}

func dateOf(h http.Header, now time.Time) time.Time {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		return date
	}
	return now
}

// initialAge is how old an answer was when it came (RFC 9111 section 4.2.3).
func initialAge(h http.Header, asked, now time.Time) time.Duration {
	apparent := max(0, now.Sub(dateOf(h, now)))
	if apparent < 2*time.Second { // dates are cut to seconds
		apparent = 0
	}
	first, _, _ := strings.Cut(h.Get("Age"), ",")
	return min(max(apparent, seconds(strings.Trim(first, " \t"))+now.Sub(asked)), forever)
}

func hasValidator(h http.Header) bool { return h.Get("Etag") != "" || h.Get("Last-Modified") != "" }

// selectors are the fields that tell answers apart: of Vary, of the rule, and Accept-Encoding where there is a coding.
func selectors(r *rule, h http.Header) ([]string, bool) {
	names := slices.Clone(r.vary)
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.Trim(name, " \t"))
			if name == "" {
				continue
			}
			if name == "*" || !isToken(name) {
				return nil, false
			}
			names = append(names, name)
		}
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		names = append(names, "Accept-Encoding")
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names, len(names) <= maxSelectors
}

// storedHeader is what is kept of a header, and the tags that it names.
func storedHeader(h http.Header) (http.Header, []string) {
	out := h.Clone()
	tags := takeTags(out)
	for line := range strings.SplitSeq(strings.Join(out["Connection"], ","), ",") {
		delete(out, http.CanonicalHeaderKey(strings.Trim(line, " \t")))
	}
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authentication-Info", "Te", "Transfer-Encoding", "Upgrade", "Age",
	} {
		delete(out, name)
	}
	return out, tags
}

// maxTags is how many tags an answer may have.
const maxTags = 256

// takeTags removes Surrogate-Key (names with spaces between) and Cache-Tag (with commas), and returns what they name.
func takeTags(h http.Header) []string {
	surrogate, tag := h["Surrogate-Key"], h["Cache-Tag"]
	if surrogate == nil && tag == nil {
		return nil
	}
	tags := strings.Fields(strings.Join(surrogate, " "))
	for t := range strings.SplitSeq(strings.Join(tag, ","), ",") {
		if t = strings.Trim(t, " \t"); t != "" {
			tags = append(tags, t)
		}
	}
	delete(h, "Surrogate-Key")
	delete(h, "Cache-Tag")
	slices.Sort(tags)
	return slices.Compact(tags)
}
