package pooler

import (
	"bytes"
	"net/url"
	"regexp"
)

// requestSetting is the setting by which a client names the web request that its statements belong to.
const requestSetting = "holdfast.request_id"

// setsRequest is a statement that makes the setting, or undoes it.
var setsRequest = regexp.MustCompile(`(?i)^\s*SET\s+(?:SESSION\s+)?holdfast\.request_id\s*(?:=|\s+TO\b)\s*(?:'([^']*)'|DEFAULT)\s*;?\s*$`)

// requestForm is a pair in a comment as sqlcommenter writes it. Of a traceparent (W3C Trace Context) the second field names the trace.
var requestForm = regexp.MustCompile(`(?:^|[\s,])(?:request_id='([^']+)'|traceparent='[0-9a-f]{2}-([0-9a-f]{32})-)`)

// maxSetRequest is the size in bytes of the longest text that is looked at for the setting.
const maxSetRequest = 256

// requestIn returns the web request that a statement's text names: in a comment, for itself, or by the setting, for what follows.
func requestIn(text []byte) (id string, sets bool) {
	if plain := bytes.TrimLeft(text, " \t\r\n"); len(text) <= maxSetRequest && len(plain) > 3 && bytes.EqualFold(plain[:3], []byte("SET")) {
		if m := setsRequest.FindSubmatch(text); m != nil {
			return string(m[1]), true
		}
	}
	for i := bytes.Index(text, []byte("/*")); i >= 0; {
		text = text[i+2:]
		comment, rest, _ := bytes.Cut(text, []byte("*/"))
		if m := requestForm.FindSubmatch(comment); m != nil {
			id = string(m[1]) + string(m[2])
			if plain, err := url.PathUnescape(id); err == nil {
				id = plain
			}
			return id, false
		}
		text = rest
		i = bytes.Index(text, []byte("/*"))
	}
	return "", false
}
