package httpcache

import (
	"math"
	"net/http"
	"strings"
	"time"
)

// absent stands for a directive that is not there.
const absent time.Duration = -1

// forever is what larger ages are taken for: 68 years (RFC 9111 section 1.2.2 wants 2³¹ seconds).
const forever = math.MaxInt32 * time.Second

// directives are what Cache-Control says, in a request or an answer (RFC 9111 section 5.2, RFC 5861, RFC 9213).
type directives struct {
	noStore, noCache, private, public               bool
	mustRevalidate, proxyRevalidate, mustUnderstand bool
	onlyIfCached, anyStale                          bool // of requests
	maxAge, sharedMaxAge, whileRevalidate, ifError  time.Duration
	minFresh, maxStale                              time.Duration // of requests
}

func noDirectives() directives {
	return directives{
		maxAge: absent, sharedMaxAge: absent, whileRevalidate: absent, ifError: absent, minFresh: absent, maxStale: absent,
	}
}

// parseDirectives reads all lines of Cache-Control. What is not understood is left out; of a directive that stands twice the stricter counts.
func parseDirectives(h http.Header) directives {
	d := noDirectives()
	for _, line := range h["Cache-Control"] {
		for line != "" {
			var name, value string
			var has bool
			name, value, has, line = nextDirective(line)
			d.set(strings.ToLower(name), value, has)
		}
	}
	return d
}

// nextDirective takes one directive off a list: a name, and perhaps "=" and a token or quoted string.
func nextDirective(line string) (name, value string, has bool, rest string) {
	i := strings.IndexAny(line, ",=\"")
	switch {
	case i < 0:
		return strings.Trim(line, " \t"), "", false, ""
	case line[i] != '=':
		if line[i] == '"' { // a string without a name
			_, rest = quoted(line[i+1:])
			return "", "", false, afterComma(rest)
		}
		return strings.Trim(line[:i], " \t"), "", false, line[i+1:]
	}
	name, rest = strings.TrimLeft(line[:i], " \t"), line[i+1:]
	if strings.HasPrefix(rest, `"`) {
		value, rest = quoted(rest[1:])
		return name, value, true, afterComma(rest)
	}
	value, rest, _ = strings.Cut(rest, ",")
	if trimmed := strings.TrimRight(name, " \t"); trimmed != name { // malformed: what forbids counts, a time is none
		return trimmed, "", true, rest
	}
	return name, strings.TrimRight(value, " \t"), true, rest
}

func afterComma(text string) string {
	_, rest, _ := strings.Cut(text, ",")
	return rest
}

// quoted reads a quoted string whose first quote is gone (RFC 9110 section 5.6.4).
func quoted(text string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), text[i+1:]
		case '\\':
			if i++; i == len(text) {
				return b.String(), ""
			}
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}

func (d *directives) set(name, value string, has bool) {
	switch name {
	case "no-store":
		d.noStore = true
	case "no-cache": // with fields, too: that is stricter than it must be
		d.noCache = true
	case "private":
		d.private = true
	case "public":
		d.public = true
	case "must-revalidate":
		d.mustRevalidate = true
	case "proxy-revalidate":
		d.proxyRevalidate = true
	case "must-understand":
		d.mustUnderstand = true
	case "only-if-cached":
		d.onlyIfCached = true
	case "max-age":
		d.maxAge = stricter(d.maxAge, seconds(value))
	case "s-maxage":
		d.sharedMaxAge = stricter(d.sharedMaxAge, seconds(value))
	case "stale-while-revalidate":
		d.whileRevalidate = stricter(d.whileRevalidate, seconds(value))
	case "stale-if-error":
		d.ifError = stricter(d.ifError, seconds(value))
	case "min-fresh":
		d.minFresh = max(d.minFresh, seconds(value))
	case "max-stale":
		if !has {
			d.anyStale = true
		} else {
			d.maxStale = stricter(d.maxStale, seconds(value))
		}
	}
}

func stricter(a, b time.Duration) time.Duration {
	if a == absent {
		return b
	}
	return min(a, b)
}

// seconds reads a time in seconds (RFC 9111 section 1.2.2). What is none is 0: the answer is stale.
func seconds(text string) time.Duration {
	if text == "" {
		return 0
	}
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0
		}
		if n = n*10 + int(text[i]-'0'); n > math.MaxInt32 {
			n = math.MaxInt32
		}
	}
	return time.Duration(n) * time.Second
}
