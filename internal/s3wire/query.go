package s3wire

import (
	"iter"
	"net/url"
	"strings"
)

// queryParams yields the names and values of a raw query, decoded, in the order they stand. Unlike url.ParseQuery it
// builds no map, keeps a value that holds a semicolon, and ok is false where a percent sign starts no escape.
func queryParams(raw string) iter.Seq2[param, bool] {
	return func(yield func(param, bool) bool) {
		for raw != "" {
			var piece string
			piece, raw, _ = strings.Cut(raw, "&")
			if piece == "" {
				continue
			}
			name, value, _ := strings.Cut(piece, "=")
			n, err1 := url.QueryUnescape(name)
			v, err2 := url.QueryUnescape(value)
			if !yield(param{n, v}, err1 == nil && err2 == nil) {
				return
			}
		}
	}
}

type param struct{ name, value string }

// checkQuery refuses a query that we and url.ParseQuery, which handlers use, would read differently: what was signed
// must be what is obeyed. Go drops a parameter that holds a bare semicolon or a broken escape.
func checkQuery(raw string) error {
	if !strings.ContainsAny(raw, ";%") {
		return nil
	}
	for p, ok := range queryParams(raw) {
		if !ok {
			return InvalidURI.New()
		}
		_ = p
	}
	if !strings.Contains(raw, ";") {
		return nil
	}
	for piece := range strings.SplitSeq(raw, "&") {
		if strings.Contains(piece, ";") && !strings.HasPrefix(piece, "X-Amz-SignedHeaders=") {
			return InvalidURI.New()
		}
	}
	return nil
}

// appendCanonicalQuery appends the query as signatures have it: every name and value decoded and encoded strictly,
// sorted by name and then value, parameters without "=" given one. skip is a parameter to leave out, "" for none.
// asSent leaves the order as it is.
func appendCanonicalQuery(dst []byte, raw, skip string, asSent bool) []byte {
	var room [24]param
	pairs := room[:0]
	for raw != "" {
		var piece string
		piece, raw, _ = strings.Cut(raw, "&")
		if piece == "" {
			continue
		}
		name, value, _ := strings.Cut(piece, "=")
		p := param{strictQueryText(name), strictQueryText(value)}
		if skip == "" || p.name != skip {
			pairs = append(pairs, p)
		}
	}
	if !asSent {
		sortParams(pairs)
	}
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

// strictQueryText decodes a piece of a query as a form ("+" is a space) and encodes it strictly. A broken escape is
// taken literally; checkQuery has refused it before anything depends on that.
func strictQueryText(s string) string {
	if canonicalQueryText(s) {
		return s
	}
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	return string(appendEscaped(make([]byte, 0, len(plain)*3), plain, false))
}
