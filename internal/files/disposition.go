package files

import (
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// What a stored file may do in a browser. The declared type comes from whoever stored the file, the sniffed type from
// its first bytes; neither alone is trusted.

// harmless are the types that are shown in the page: nothing in them runs.
var harmless = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true,
	"video/mp4": true, "video/webm": true, "video/ogg": true,
	"audio/mpeg": true, "audio/ogg": true, "audio/mp4": true, "audio/webm": true,
	"application/pdf": true, "text/plain": true,
}

// active are types that a browser would run, as a page, script or style: they are sent as bytes only, so that a page of
// the application cannot be made to load them either (nosniff makes browsers insist on the type).
var active = map[string]bool{
	"text/html": true, "application/xhtml+xml": true, "image/svg+xml": true, "text/xml": true, "application/xml": true,
	"text/javascript": true, "application/javascript": true, "application/x-javascript": true,
	"application/ecmascript": true, "text/ecmascript": true, "text/css": true, "application/wasm": true,
	"text/vtt": true, "text/cache-manifest": true, "application/manifest+json": true, "application/x-shockwave-flash": true,
	"multipart/x-mixed-replace": true, "message/rfc822": true, "text/xsl": true, "application/xslt+xml": true,
}

// families are types that one content may rightly be called.
var families = [][]string{
	{"image/jpeg", "image/jpg", "image/pjpeg"},
	{"application/ogg", "audio/ogg", "video/ogg", "audio/opus"},
	{"audio/mpeg", "audio/mp3"},
	{"video/webm", "audio/webm"},
	{"video/mp4", "audio/mp4", "audio/x-m4a", "video/x-m4v"},
}

const (
	octets    = "application/octet-stream"
	plainText = "text/plain"
)

// bare returns a media type without parameters, in lower case; "" when it is none.
func bare(contentType string) string {
	t, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return t
}

// undeclared reports the types that S3 clients write when nobody told them one.
func undeclared(t string) bool { return t == "" || t == "binary/octet-stream" }

// agree reports whether content that looks like sniffed may be called declared. Whatever is text may be called plain
// text, unless it looks like something that runs.
func agree(declared, sniffed string) bool {
	if declared == sniffed || declared == plainText && isText(sniffed) {
		return true
	}
	return slices.ContainsFunc(families, func(f []string) bool {
		return slices.Contains(f, declared) && slices.Contains(f, sniffed)
	})
}

// compatible reports whether the content does not contradict the declared type: sniffing knows few formats, and takes
// every text for plain text and every container for a zip.
func compatible(declared, sniffed string) bool {
	main, _, _ := strings.Cut(declared, "/")
	switch {
	case sniffed == octets || sniffed == "":
		return !harmless[declared]
	case isText(sniffed):
		return main == "text" || main == "application" && !harmless[declared]
	case sniffed == "application/zip":
		return main == "application" && !harmless[declared]
	}
	return agree(declared, sniffed)
}

// isText reports whether a sniffed type is plain text or a kind of it that nothing runs: JSON, CSV and the like.
func isText(sniffed string) bool {
	for m := mimetype.Lookup(sniffed); m != nil && !active[sniffed]; m = m.Parent() {
		if m.Is(plainText) {
			return true
		}
	}
	return false
}

// matchType reports whether the pattern ("image/png", "image/*") covers the type.
func matchType(pattern, t string) bool {
	if family, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(t, family)
	}
	return agree(pattern, t)
}

// shape is how a file is presented.
type shape struct {
	contentType string
	inline      bool // shown, not saved
	page        bool // shown because the bucket's configuration says so
}

// present decides. override is the type that the link asks for, "" for none; extra are the bucket's inline types.
func present(declared, sniffed, override string, attachment bool, extra []string) shape {
	sniffedType := bare(sniffed)
	if override != "" {
		declared = override
	}
	if t := bare(declared); undeclared(t) {
		declared = sniffedType
	}
	t := bare(declared)
	page := slices.ContainsFunc(extra, func(p string) bool { return matchType(p, t) }) && compatible(t, sniffedType)
	switch {
	case page:
		return shape{declared, !attachment, !attachment}
	case harmless[t] && agree(t, sniffedType):
		return shape{withCharset(declared, t, sniffed), !attachment, false}
	case harmless[sniffedType] && agree(t, sniffedType): // "image/jpg": another word for it
		return shape{sniffedType, !attachment, false}
	case t == "" || active[t] || !compatible(t, sniffedType):
		return shape{octets, false, false}
	}
	return shape{declared, false, false}
}

// withCharset adds to plain text the charset that was found in it, when the writer named none: without it browsers
// guess.
func withCharset(declared, t, sniffed string) string {
	if t != plainText || strings.Contains(declared, ";") {
		return declared
	}
	if _, params, err := mime.ParseMediaType(sniffed); err == nil && params["charset"] != "" {
		return "text/plain; charset=" + params["charset"]
	}
	return declared
}

// contentDisposition returns the header's value (RFC 6266), with the name twice: in ASCII for old clients, and as it is
// (RFC 8187) for all others.
func contentDisposition(inline bool, name string) string {
	kind := "attachment"
	if inline {
		kind = "inline"
	}
	ascii, plain := asciiName(name)
	if plain {
		return kind + `; filename="` + ascii + `"`
	}
	return kind + `; filename="` + ascii + `"; filename*=UTF-8''` + extValue(name)
}

// asciiName replaces what a quoted string cannot hold without escapes that clients disagree about. "%" goes too: some
// clients decode it.
func asciiName(name string) (ascii string, plain bool) {
	plain = true
	ascii = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || r == '"' || r == '\\' || r == '%' {
			plain = false
			return '_'
		}
		return r
	}, name)
	return ascii, plain
}

// extValue percent-encodes all but attr-char (RFC 8187 section 3.2.1).
func extValue(s string) string {
	const hex = "0123456789ABCDEF"
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "_")
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
