package httpcache

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"slices"
	"strings"
)

// identity is what a request asks for, and who asks, as far as it matters here.
type identity struct {
	address string // scheme, host, path and query
	rule    *rule
	auth    bool   // with Authorization
	cookie  bool   // with a cookie that is not ignored
	extras  string // fields that nobody knows, in a certain order; "" without any
	coding  string // Accept-Encoding as it is compared
}

// nobodys reports whether the request is of nobody in particular.
func (id *identity) nobodys() bool { return !id.auth && !id.cookie }

// harmless are fields that tell answers apart only if Vary names them, as in every shared cache: those that browsers, crawlers and proxies
// send with every request, those that are taken away before the application sees them, and those that are looked at elsewhere.
// All that begin with "Sec-" belong to them, which only browsers set.
var harmless = map[string]bool{
	"Accept": true, "Accept-Charset": true, "Accept-Encoding": true, "Accept-Language": true, "Authorization": true, "Baggage": true,
	"Cache-Control": true, "Connection": true, "Content-Length": true, "Cookie": true, "Device-Memory": true, "Dnt": true,
	"Downlink": true, "Dpr": true, "Ect": true, "Forwarded": true, "From": true, "If-Match": true, "If-Modified-Since": true,
	"If-None-Match": true, "If-Range": true, "If-Unmodified-Since": true, "Keep-Alive": true, "Pragma": true, "Priority": true,
	"Proxy-Connection": true, "Purpose": true, "Range": true, "Referer": true, "Rtt": true, "Save-Data": true, "Te": true,
	"Traceparent": true, "Tracestate": true, "Upgrade-Insecure-Requests": true, "User-Agent": true, "Via": true, "Viewport-Width": true,
	"Width": true, "X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Port": true, "X-Forwarded-Proto": true,
	"X-Real-Ip": true, "X-Request-Id": true,
}

// identify reads a request.
func (c *Cache) identify(s *settings, r *http.Request) *identity {
	id := &identity{rule: s.rule(r.URL.Path)}
	scheme, host := c.opts.Site(r)
	id.address = address(scheme, host, r.URL.EscapedPath(), id.rule.query(r.URL.RawQuery))
	_, id.auth = r.Header["Authorization"]
	id.cookie = id.rule.foreignCookie(r.Header)
	id.coding = coding(r.Header["Accept-Encoding"])
	var unknown []string
	for name := range r.Header {
		if !harmless[name] && !strings.HasPrefix(name, "Sec-") {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		var b strings.Builder
		for _, name := range unknown {
			b.WriteString(name)
			for _, v := range r.Header[name] {
				b.WriteString("\n\t")
				b.WriteString(v)
			}
			b.WriteByte('\n')
		}
		id.extras = b.String()
	}
	return id
}

// address writes what is asked for in one way: no capitals in the host, no port that goes without saying. None of it can hold a
// line end, which separates it from what follows in a slot.
func address(scheme, host, path, query string) string {
	return string(appendAddress(nil, scheme, host, path, query))
}

func appendAddress(b []byte, scheme, host, path, query string) []byte {
	host = strings.ToLower(host)
	b = append(append(b, scheme...), "://"...)
	b = append(b, withoutPort(scheme, host)...)
	if path == "" {
		path = "/"
	}
	b = append(b, path...)
	if query != "" {
		b = append(append(b, '?'), query...)
	}
	return b
}

// withoutPort takes the usual port of a scheme off a host.
func withoutPort(scheme, host string) string {
	if !strings.Contains(host, ":") {
		return host
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || (scheme != "https" || port != "443") && (scheme != "http" || port != "80") {
		return host
	}
	if strings.Contains(name, ":") {
		return "[" + name + "]"
	}
	return name
}

// coding reduces Accept-Encoding to what there is, in a certain order.
func coding(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return codingOf(strings.Join(lines, ","))
}

// codingOf is coding for lines that were put into one.
func codingOf(list string) string {
	found := 0
	for part := range strings.SplitSeq(list, ",") {
		name, params, _ := strings.Cut(strings.ToLower(part), ";")
		i := slices.Index(codings[:], strings.Trim(name, " \t"))
		if i >= 0 && !refused(params) {
			found |= 1 << i
		}
	}
	return codingSets[found]
}

// codings are those that applications make.
var codings = [4]string{"br", "deflate", "gzip", "zstd"}

// codingSets are all choices of them, each written in one way.
var codingSets = sets()

func sets() (all [16]string) {
	for n := range all {
		var names []string
		for i, name := range codings {
			if n&(1<<i) != 0 {
				names = append(names, name)
			}
		}
		all[n] = strings.Join(names, ", ")
	}
	return all
}

// refused reports whether a weight is zero (RFC 9110 section 12.4.2).
func refused(params string) bool {
	q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=0")
	return ok && strings.Trim(q, ".0") == ""
}

// value is what the application sees of a field that tells answers apart, and whether it sees the field at all.
func (id *identity) value(r *http.Request, name string) (value string, seen bool) {
	values := r.Header[name]
	switch {
	case name == "Accept-Encoding":
		return id.coding, id.coding != ""
	case name == "Cookie" && !id.cookie:
		return "", false // ignored ones are taken away
	case len(values) == 1:
		return strings.Trim(values[0], " \t"), true
	}
	return strings.Join(values, ", "), len(values) > 0
}

// choice names the answer of an address that a request wants, given what tells them apart; "" where nothing does.
func (id *identity) choice(r *http.Request, names []string, salt string) string {
	if len(names) == 0 && id.extras == "" {
		return ""
	}
	var room [512]byte
	b := beginChoice(room[:0], salt, id.extras)
	for _, name := range names {
		value, seen := id.value(r, name)
		b = appendChoice(b, name, value, seen)
	}
	return string(endChoice(b, &[choiceLen]byte{}))
}

// choiceLen is the length of a choice: 96 bits in hexadecimal digits.
const choiceLen = 24

// beginChoice begins the text of which a choice is the digest.
func beginChoice(b []byte, salt, extras string) []byte {
	b = append(append(b, salt...), '\n')
	return append(append(b, extras...), '\n')
}

// appendChoice adds what the application sees of a field.
func appendChoice(b []byte, name, value string, seen bool) []byte {
	b = append(b, name...)
	if !seen {
		return append(b, "-\n"...)
	}
	return append(append(append(b, '+'), value...), '\n')
}

// endChoice writes the choice.
func endChoice(b []byte, to *[choiceLen]byte) []byte {
	sum := sha256.Sum256(b)
	hex.Encode(to[:], sum[:choiceLen/2])
	return to[:]
}
