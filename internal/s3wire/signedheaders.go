package s3wire

import (
	"net/http"
	"slices"
	"strings"
)

// maxSignedHeaders bounds the list, so that a request cannot have a large header hashed over and over.
const maxSignedHeaders = 200

// checkSignedHeaders refuses a list that is not one: empty names, upper case, names twice, or too many.
func checkSignedHeaders(list string) bool {
	if list == "" || strings.Count(list, ";") >= maxSignedHeaders {
		return false
	}
	ascending, last := true, ""
	for name := range strings.SplitSeq(list, ";") {
		if name == "" || !lowerToken(name) {
			return false
		}
		ascending = ascending && name > last
		last = name
	}
	if ascending {
		return true
	}
	names := strings.Split(list, ";") // out of order is odd but harmless; twice is not
	slices.Sort(names)
	return len(slices.Compact(names)) == strings.Count(list, ";")+1
}

func lowerToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c >= 'A' && c <= 'Z' || c == ':' || c == ',' {
			return false
		}
	}
	return true
}

// listHas reports whether the SignedHeaders list has the header, whose name may be in any case.
func listHas(list, header string) bool {
	for list != "" {
		var name string
		name, list, _ = strings.Cut(list, ";")
		if len(name) == len(header) && strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}

// unsigned returns the headers that must be signed and are not: the host, and everything that steers S3. Whoever holds
// a presigned URL could otherwise turn an upload into a copy, or make it public. exempt: what CloudFront adds on the
// way, and the digest, which a presigned URL need not cover because we check it against the body anyway.
func unsigned(h http.Header, list string, presigned bool) []string {
	var missing []string
	if !listHas(list, "host") {
		missing = append(missing, "host")
	}
	for name := range h {
		if len(name) < 6 || !strings.EqualFold(name[:6], "X-Amz-") || listHas(list, name) {
			continue
		}
		if name == "X-Amz-Cf-Id" || presigned && name == "X-Amz-Content-Sha256" {
			continue
		}
		missing = append(missing, strings.ToLower(name))
	}
	slices.Sort(missing)
	return missing
}

// checkUnsigned turns the result of unsigned into S3's answer.
func checkUnsigned(h http.Header, list string, presigned bool) error {
	missing := unsigned(h, list, presigned)
	if len(missing) == 0 {
		return nil
	}
	return AccessDenied.Newf("There were headers present in the request which were not signed").
		With("HeadersNotSigned", strings.Join(missing, ", "))
}
