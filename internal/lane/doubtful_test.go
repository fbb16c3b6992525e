package lane

import "maps"

// doubtful are requests that are not simple, each by its name.
func doubtful() map[string]string {
	all := doubtfulLines()
	maps.Copy(all, doubtfulFields())
	return all
}

// doubtfulLines are those that are doubtful for their first line or the ends of their lines.
func doubtfulLines() map[string]string {
	const host = "Host: h\r\n"
	return map[string]string{
		"POST":                 "POST / HTTP/1.1\r\n" + host + "\r\n",
		"OPTIONS":              "OPTIONS / HTTP/1.1\r\n" + host + "\r\n",
		"lower case method":    "get / HTTP/1.1\r\n" + host + "\r\n",
		"HTTP/1.0":             "GET / HTTP/1.0\r\n" + host + "\r\n",
		"HTTP/2 preface":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"lower case version":   "GET / http/1.1\r\n" + host + "\r\n",
		"HTTP/1.11":            "GET / HTTP/1.11\r\n" + host + "\r\n",
		"no version":           "GET /\r\n" + host + "\r\n",
		"two spaces":           "GET  / HTTP/1.1\r\n" + host + "\r\n",
		"space in the target":  "GET /a b HTTP/1.1\r\n" + host + "\r\n",
		"tab":                  "GET\t/ HTTP/1.1\r\n" + host + "\r\n",
		"space at the end":     "GET / HTTP/1.1 \r\n" + host + "\r\n",
		"absolute form":        "GET http://h/ HTTP/1.1\r\n" + host + "\r\n",
		"asterisk":             "GET * HTTP/1.1\r\n" + host + "\r\n",
		"double slash":         "GET //h/ HTTP/1.1\r\n" + host + "\r\n",
		"dots":                 "GET /m/../u/ HTTP/1.1\r\n" + host + "\r\n",
		"dots at the end":      "GET /m/.. HTTP/1.1\r\n" + host + "\r\n",
		"dot before the query": "GET /m/.?x HTTP/1.1\r\n" + host + "\r\n",
		"fragment":             "GET /m/#x HTTP/1.1\r\n" + host + "\r\n",
		"backslash":            "GET /m\\x HTTP/1.1\r\n" + host + "\r\n",
		"broken escape":        "GET /m/%2 HTTP/1.1\r\n" + host + "\r\n",
		"escape that is none":  "GET /m/%zz HTTP/1.1\r\n" + host + "\r\n",
		"NUL in the target":    "GET /m/\x00 HTTP/1.1\r\n" + host + "\r\n",
		"8 bit in the target":  "GET /m/\xfc HTTP/1.1\r\n" + host + "\r\n",
		"empty line first":     "\r\nGET / HTTP/1.1\r\n" + host + "\r\n",
		"bare LF":              "GET / HTTP/1.1\nHost: h\n\n",
		"bare LF at the end":   "GET / HTTP/1.1\r\n" + host + "\n",
		"bare CR":              "GET / HTTP/1.1\r\nA: b\rHost: h\r\n\r\n",
		"CR CR LF":             "GET / HTTP/1.1\r\n" + "Host: h\r\r\n\r\n",
	}
}

// doubtfulFields are those that are doubtful for their fields.
func doubtfulFields() map[string]string {
	const host = "Host: h\r\n"
	return map[string]string{
		"no Host":                   "GET / HTTP/1.1\r\nA: b\r\n\r\n",
		"empty Host":                "GET / HTTP/1.1\r\nHost:\r\n\r\n",
		"two Hosts":                 "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"the same Host twice":       "GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n",
		"list of Hosts":             "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
		"Host with a path":          "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
		"Host with user":            "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
		"space before colon":        "GET / HTTP/1.1\r\n" + host + "Content-Length : 5\r\n\r\n",
		"tab before colon":          "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding\t: chunked\r\n\r\n",
		"space before the name":     "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
		"folded line":               "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n",
		"folded with tab":           "GET / HTTP/1.1\r\n" + host + "A: b\r\n\tTransfer-Encoding: chunked\r\n\r\n",
		"no colon":                  "GET / HTTP/1.1\r\n" + host + "A\r\n\r\n",
		"no name":                   "GET / HTTP/1.1\r\n" + host + ": a\r\n\r\n",
		"NUL in a name":             "GET / HTTP/1.1\r\n" + host + "A\x00: b\r\n\r\n",
		"NUL in a value":            "GET / HTTP/1.1\r\n" + host + "A: b\x00\r\n\r\n",
		"control in a value":        "GET / HTTP/1.1\r\n" + host + "A: \x0b\r\n\r\n",
		"DEL in a value":            "GET / HTTP/1.1\r\n" + host + "A: \x7f\r\n\r\n",
		"8 bit in a value":          "GET / HTTP/1.1\r\n" + host + "A: \xe4\r\n\r\n",
		"8 bit in a name":           "GET / HTTP/1.1\r\n" + host + "\xe4: a\r\n\r\n",
		"body":                      "GET / HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhello",
		"length 0":                  "GET / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n",
		"length -1":                 "GET / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n",
		"lengths that differ":       "GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"length and encoding":       "GET / HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked":                   "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"chunked, in another case":  "GET / HTTP/1.1\r\n" + host + "tRANSFER-eNCODING: chunked\r\n\r\n0\r\n\r\n",
		"encoding of another kind":  "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n",
		"encoding, spaced":          "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding:\tchunked\r\n\r\n",
		"encodings":                 "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"empty encoding":            "GET / HTTP/1.1\r\n" + host + "Transfer-Encoding:\r\n\r\n",
		"Upgrade":                   "GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"Upgrade alone":             "GET / HTTP/1.1\r\n" + host + "Upgrade: h2c\r\n\r\n",
		"Expect":                    "GET / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\n\r\n",
		"TE":                        "GET / HTTP/1.1\r\n" + host + "TE: trailers\r\n\r\n",
		"Trailer":                   "GET / HTTP/1.1\r\n" + host + "Trailer: x\r\n\r\n",
		"Connection names a field":  "GET / HTTP/1.1\r\n" + host + "Connection: close, cookie\r\n\r\n",
		"close twice":               "GET / HTTP/1.1\r\n" + host + "Connection: close\r\nConnection: close\r\n\r\n",
		"keep-alive after close":    "GET / HTTP/1.1\r\n" + host + "Connection: close\r\nConnection: keep-alive\r\n\r\n",
		"two Cookies":               "GET / HTTP/1.1\r\n" + host + "Cookie: a=b\r\nCookie: c=d\r\n\r\n",
		"two Ranges":                "GET / HTTP/1.1\r\n" + host + "Range: bytes=0-1\r\nrange: bytes=2-3\r\n\r\n",
		"TLS":                       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"nothing":                   "\r\n\r\n",
		"proxy protocol":            "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n" + host + "\r\n",
		"line separator of Unicode": "GET / HTTP/1.1\u2028\r\n" + host + "\r\n",
	}
}
