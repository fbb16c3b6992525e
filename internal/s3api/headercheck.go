package s3api

import (
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// checkHeaders looks for what could end a header line.
func checkHeaders(h objects.Headers) error {
	for name, value := range h.User {
		if !token(name) {
			return invalidArgument(metaPrefix+name, value, "The name has characters that no header may have.")
		}
		if err := printable(metaPrefix+name, value); err != nil {
			return err
		}
	}
	for _, f := range [...]s3wire.Field{
		{Name: "Content-Type", Value: h.ContentType},
		{Name: "Content-Encoding", Value: h.ContentEncoding},
		{Name: "Content-Disposition", Value: h.ContentDisposition},
		{Name: "Content-Language", Value: h.ContentLanguage},
		{Name: "Cache-Control", Value: h.CacheControl},
		{Name: "Expires", Value: h.Expires},
		{Name: redirectHeader, Value: h.Redirect},
	} {
		if err := printable(f.Name, f.Value); err != nil {
			return err
		}
	}
	return nil
}

// token reports whether s can be part of a header's name (RFC 9110 section 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, s[i]) >= 0 {
			return false
		}
	}
	return true
}

// printable refuses what could end a header line. net/http refuses it in headers; fields of forms and parameters of a
// query come here unchecked.
func printable(name, value string) error {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return invalidArgument(name, value, "The value has characters that no header may have.")
		}
	}
	return nil
}
