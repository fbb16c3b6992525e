package httpcache

import "time"

func freshness() []scene {
	return []scene{
		{name: "freshness-none", want: asks},
		{name: "freshness-max-age", answer: with("Cache-Control: max-age=3600"), wait: minute, want: stored},
		{name: "freshness-max-age-stale", answer: with("Cache-Control: max-age=3600"), wait: hour, want: asks},
		{name: "freshness-max-age-0", answer: with("Cache-Control: max-age=0"), want: asks},
		{name: "freshness-max-age-max", answer: with("Cache-Control: max-age=2147483647"), wait: hour, want: stored},
		{name: "freshness-max-age-max-minus-1", answer: with("Cache-Control: max-age=2147483646"), wait: hour, want: stored},
		{name: "freshness-max-age-max-plus-1", answer: with("Cache-Control: max-age=2147483648"), wait: hour, want: stored},
		{name: "freshness-max-age-100a", answer: with("Cache-Control: max-age=99999999999999999999"), wait: hour, want: stored},
		{name: "freshness-max-age-age", answer: with("Cache-Control: max-age=3600", "Age: 1800"), wait: 40 * minute, want: asks},
		{name: "freshness-max-age-date", answer: with("Cache-Control: max-age=3600", "Date: now-1h1m"), want: asks},
		{name: "freshness-max-age-two", answer: with("Cache-Control: max-age=1, max-age=3600"), wait: minute, want: asks},
		{name: "freshness-max-age-two-lines", answer: with("Cache-Control: max-age=3600", "Cache-Control: max-age=1"), wait: minute, want: asks},
		{name: "freshness-max-age-case-insensitive", answer: with("Cache-Control: MaX-aGe=3600"), wait: minute, want: stored},
		{name: "freshness-max-age-quoted", answer: with(`Cache-Control: max-age="3600"`), wait: minute, want: stored},
		{name: "freshness-max-age-space-before-equals", answer: with("Cache-Control: max-age =3600"), wait: minute, want: asks},
		{name: "freshness-max-age-space-after-equals", answer: with("Cache-Control: max-age= 3600"), wait: minute, want: asks},
		{name: "freshness-max-age-decimal", answer: with("Cache-Control: max-age=3600.0"), want: asks},
		{name: "freshness-max-age-negative", answer: with("Cache-Control: max-age=-3600"), want: asks},
		{name: "freshness-max-age-leading-zero", answer: with("Cache-Control: max-age=003600"), wait: minute, want: stored},
		{name: "freshness-max-age-extension", answer: with("Cache-Control: foobar, max-age=3600"), wait: minute, want: stored},
		{name: "freshness-max-age-in-a-quoted-string", answer: with(`Cache-Control: extension="max-age=3600"`), want: asks},
		{name: "freshness-max-age-ignore-quoted-rev", answer: with(`Cache-Control: max-age=1, extension="max-age=3600"`), wait: minute, want: asks},
		{name: "freshness-max-age-s-maxage-shared-longer", answer: with("Cache-Control: max-age=1, s-maxage=3600"), wait: minute, want: stored},
		{name: "freshness-max-age-s-maxage-shared-shorter", answer: with("Cache-Control: max-age=3600, s-maxage=1"), wait: minute, want: asks},
		{name: "freshness-s-maxage-shared", answer: with("Cache-Control: s-maxage=3600"), wait: minute, want: stored},
		{name: "freshness-expires-future", answer: with("Expires: now+1h"), wait: minute, want: stored},
		{name: "freshness-expires-past", answer: with("Expires: now-1h"), want: asks},
		{name: "freshness-expires-present", answer: with("Expires: now+0s"), want: asks},
		{name: "freshness-expires-invalid", answer: with("Expires: 0"), want: asks},
		{name: "freshness-expires-old-date", answer: with("Expires: now+1h", "Date: now-2h"), wait: minute, want: stored},
		{name: "freshness-expires-age-slow-date", answer: with("Expires: now+1h", "Date: now+2h"), want: asks},
		{name: "freshness-expires-age-fast-date", answer: with("Expires: now+1h", "Age: 7200"), want: asks},
		{name: "freshness-expires-two", answer: with("Expires: now+1h", "Expires: now+2h"), want: asks},
		{name: "freshness-expires-rfc850", answer: with("Expires: Sunday, 06-Nov-94 08:49:37 GMT"), want: asks},
		{name: "freshness-max-age-expires", answer: with("Cache-Control: max-age=3600", "Expires: now-1h"), wait: minute, want: stored},
		{name: "freshness-max-age-0-expires", answer: with("Cache-Control: max-age=0", "Expires: now+1h"), want: asks},
	}
}

func responses() []scene {
	return []scene{
		{name: "cc-resp-no-store", answer: with("Cache-Control: no-store"), want: asks},
		{name: "cc-resp-no-store-fresh", answer: with("Cache-Control: max-age=3600, no-store"), want: asks},
		{name: "cc-resp-no-store-case-insensitive", answer: with("Cache-Control: No-StOrE, max-age=3600"), want: asks},
		{name: "cc-resp-must-understand-no-store", answer: with("Cache-Control: max-age=3600, no-store, must-understand"), wait: minute, want: stored},
		{name: "cc-resp-must-understand-a-status-that-is-not", answer: with("Cache-Control: max-age=3600, no-store, must-understand"), status: 299, want: asks},
		{name: "cc-resp-private-shared", answer: with("Cache-Control: private, max-age=3600"), want: asks},
		{name: "cc-resp-private-shared-qualified", answer: with(`Cache-Control: private="x-a", max-age=3600`), want: asks},
		{name: "cc-resp-private-without-the-end-of-its-string", answer: with(`Cache-Control: max-age=3600, private="x-a`), want: asks},
		{name: "cc-resp-no-cache", answer: with("Cache-Control: no-cache, max-age=3600"), want: asks},
		{name: "cc-resp-no-cache-revalidate", answer: with("Cache-Control: no-cache, max-age=3600", `ETag: "a"`), want: validates},
		{name: "cc-resp-no-cache-revalidate-fresh", answer: with("Cache-Control: max-age=3600", "Cache-Control: no-cache", `ETag: "a"`), want: validates},
		{name: "cc-resp-no-cache-qualified", answer: with(`Cache-Control: no-cache="x-a", max-age=3600`, `ETag: "a"`), want: validates},
		{name: "cc-resp-must-revalidate-fresh", answer: with("Cache-Control: max-age=3600, must-revalidate"), wait: minute, want: stored},
		{name: "cc-resp-must-revalidate-stale", answer: with("Cache-Control: max-age=3600, must-revalidate, stale-while-revalidate=9999"), wait: hour, want: asks},
		{name: "cc-resp-immutable-fresh", answer: with("Cache-Control: max-age=3600, immutable"), wait: minute, want: stored},
		{name: "other-set-cookie", answer: with("Cache-Control: public, max-age=3600", "Set-Cookie: a=b"), want: asks},
		{name: "other-set-cookie-with-qualified-no-cache", answer: with(`Cache-Control: no-cache="set-cookie", max-age=3600`, "Set-Cookie: a=b"), want: asks},
		{name: "partial-answers-are-not-stored", answer: with("Cache-Control: max-age=3600", "Content-Range: bytes 0-3/10"), status: 206, want: asks},
		{name: "trailers-are-not-stored", answer: with("Cache-Control: max-age=3600", "Trailer: X-Sum"), want: asks},
		{name: "pragma-response-no-cache", answer: with("Cache-Control: max-age=3600", "Pragma: no-cache"), wait: minute, want: stored},
	}
}

func requests() []scene {
	fresh := with("Cache-Control: max-age=3600", `ETag: "a"`)
	return []scene{
		{name: "ccreq-ma0-not-obeyed", answer: fresh, second: with("Cache-Control: max-age=0"), want: stored},
		{name: "ccreq-no-cache-not-obeyed", answer: fresh, second: with("Cache-Control: no-cache"), want: stored},
		{name: "pragma-request-no-cache-not-obeyed", answer: fresh, second: with("Pragma: no-cache"), want: stored},
		{name: "ccreq-ma0", config: clientSays, answer: fresh, wait: time.Second, second: with("Cache-Control: max-age=0"), want: validates},
		{name: "ccreq-ma1", config: clientSays, answer: fresh, wait: 2 * time.Second, second: with("Cache-Control: max-age=1"), want: validates},
		{name: "ccreq-ma-enough", config: clientSays, answer: fresh, wait: time.Second, second: with("Cache-Control: max-age=60"), want: stored},
		{name: "ccreq-no-cache", config: clientSays, answer: fresh, second: with("Cache-Control: no-cache"), want: validates},
		{name: "ccreq-no-cache-lm", config: clientSays, answer: with("Cache-Control: max-age=3600", "Last-Modified: now-1h"), second: with("Cache-Control: no-cache"), want: validates},
		{name: "pragma-request-no-cache", config: clientSays, answer: fresh, second: with("Pragma: no-cache"), want: validates},
		{name: "pragma-request-with-cache-control", config: clientSays, answer: fresh, second: with("Pragma: no-cache", "Cache-Control: max-age=60"), want: stored},
		{name: "ccreq-min-fresh", config: clientSays, answer: fresh, wait: 50 * minute, second: with("Cache-Control: min-fresh=1200"), want: validates},
		{name: "ccreq-min-fresh-age", config: clientSays, answer: fresh, wait: minute, second: with("Cache-Control: min-fresh=1200"), want: stored},
		{name: "ccreq-max-stale", config: clientSays, answer: fresh, wait: hour + minute, second: with("Cache-Control: max-stale=600"), want: stored},
		{name: "ccreq-max-stale-any", config: clientSays, answer: fresh, wait: 2 * hour, second: with("Cache-Control: max-stale"), want: stored},
		{name: "ccreq-max-stale-exceeded", config: clientSays, answer: fresh, wait: 2 * hour, second: with("Cache-Control: max-stale=600"), want: validates},
		{name: "ccreq-max-stale-must-revalidate", config: clientSays, answer: with("Cache-Control: max-age=3600, must-revalidate", `ETag: "a"`), wait: hour + minute, second: with("Cache-Control: max-stale=600"), want: validates},
		{name: "ccreq-no-store", answer: fresh, first: with("Cache-Control: no-store"), want: asks},
		{name: "ccreq-oic-found", answer: fresh, second: with("Cache-Control: only-if-cached"), want: stored},
	}
}

func ages() []scene {
	age := func(name, value, want string) scene {
		return scene{name: name, answer: with("Cache-Control: max-age=3600", "Age: "+value), wait: minute, want: want}
	}
	return []scene{
		age("age-parse-nonnumeric", "7200 x", stored),
		age("age-parse-negative", "-7200", stored),
		age("age-parse-float", "7200.0", stored),
		age("age-parse-large", "2147483649", asks),
		age("age-parse-larger", "99999999999", asks),
		age("age-parse-prefix", "a7200", stored),
		age("age-parse-dup-old", "7200, 0", asks),
		age("age-parse-parameter", "7200;foo=bar", stored),
		age("age-parse-0", "0", stored),
	}
}

func varying() []scene {
	on := func(name, vary string, first, second []string, want string) scene {
		return scene{name: name, answer: with("Cache-Control: max-age=3600", "Vary: "+vary), first: first, second: second, wait: minute, want: want}
	}
	return []scene{
		on("vary-match", "Accept-Language", with("Accept-Language: de"), with("Accept-Language: de"), stored),
		on("vary-no-match", "Accept-Language", with("Accept-Language: de"), with("Accept-Language: en"), asks),
		on("vary-omit-stored", "Accept-Language", with("Accept-Language: de"), nil, asks),
		on("vary-omit-request", "Accept-Language", nil, with("Accept-Language: de"), asks),
		on("vary-empty-is-not-absent", "Accept-Language", nil, with("Accept-Language: "), asks),
		on("vary-omit-both", "Accept-Language", nil, nil, stored),
		on("vary-star", "*", nil, nil, asks),
		on("vary-syntax-star-later", "Accept-Language, *", nil, nil, asks),
		on("vary-syntax-empty-star", ", *", nil, nil, asks),
		on("vary-syntax-foo-star", "Foo, *", nil, nil, asks),
		on("vary-not-a-name", "Föö", nil, nil, asks),
		on("vary-2-match", "Foo, Bar", with("Foo: 1", "Bar: abc"), with("Foo: 1", "Bar: abc"), stored),
		on("vary-2-no-match", "Foo, Bar", with("Foo: 1", "Bar: abc"), with("Foo: 2", "Bar: abc"), asks),
		on("vary-2-match-omit", "Foo, Bar", with("Foo: 1"), with("Foo: 1"), stored),
		on("vary-normalise-combine", "Accept-Language", with("Accept-Language: de", "Accept-Language: en"), with("Accept-Language: de, en"), stored),
		on("vary-normalise-space", "Accept-Language", with("Accept-Language: de"), with("Accept-Language:  de "), stored),
		on("vary-case-insensitive-name", "accept-language", with("Accept-Language: de"), with("Accept-Language: en"), asks),
		on("vary-encoding-same-codings", "Accept-Encoding", with("Accept-Encoding: gzip, br"), with("Accept-Encoding: br;q=1.0,  GZIP , x"), stored),
		on("vary-encoding-refused-coding", "Accept-Encoding", with("Accept-Encoding: gzip, br"), with("Accept-Encoding: gzip, br;q=0"), asks),
		{
			name: "vary-encoding-not-said", answer: with("Cache-Control: max-age=3600", "Content-Encoding: gzip"),
			first: with("Accept-Encoding: gzip"), want: asks,
		},
		{
			name: "a-field-that-nobody-knows-selects-without-vary", answer: with("Cache-Control: max-age=3600"),
			first: with("X-Http-Method-Override: DELETE"), want: asks,
		},
		{
			name: "a-field-that-nobody-knows-is-found-again", answer: with("Cache-Control: max-age=3600"),
			first: with("Hx-Request: true"), second: with("Hx-Request: true"), want: stored,
		},
		{
			name: "a-rule-varies", config: func(c *Config) { c.Rules = []Rule{{Path: "/", Vary: []string{"accept-language"}}} },
			answer: with("Cache-Control: max-age=3600"), first: with("Accept-Language: de"), second: with("Accept-Language: en"), want: asks,
		},
		on("vary-cookie-without-any", "Cookie", nil, nil, stored),
		on("vary-cookie-with-ignored-ones", "Cookie", with("Cookie: _ga=1"), with("Cookie: _ga=2; _ga_x=3"), stored),
		on("vary-cookie-with-another", "Cookie", nil, with("Cookie: session=1"), asks),
	}
}

func statuses() (out []scene) {
	for _, s := range []int{200, 203, 204, 300, 301, 302, 307, 308, 404, 410} {
		out = append(out, scene{name: "status-fresh-" + itoa(s), status: s, answer: with("Cache-Control: max-age=3600"), wait: minute, want: stored})
		out = append(out, scene{name: "status-stale-" + itoa(s), status: s, answer: with("Cache-Control: max-age=3600"), wait: hour, want: asks})
	}
	for _, s := range []int{201, 202, 206, 303, 400, 401, 402, 403, 405, 406, 408, 413, 414, 416, 418, 429, 431, 500, 501, 502, 503, 504, 599} {
		out = append(out, scene{name: "status-never-" + itoa(s), status: s, answer: with("Cache-Control: public, max-age=3600"), want: asks})
	}
	return out
}

func heuristic() (out []scene) {
	old := with("Last-Modified: now-10h")
	for _, s := range []int{200, 203, 204, 300, 301, 308, 404, 410} {
		out = append(out, scene{name: "heuristic-cached-" + itoa(s), config: heuristics, status: s, answer: old, wait: minute, want: stored})
	}
	for _, s := range []int{201, 302, 307, 403, 500} {
		out = append(out, scene{name: "heuristic-not-cached-" + itoa(s), config: heuristics, status: s, answer: old, want: asks})
	}
	return append(out,
		scene{name: "heuristic-off", answer: old, want: asks},
		scene{name: "heuristic-a-tenth", config: heuristics, answer: old, wait: hour + minute, want: validates},
		scene{name: "heuristic-without-last-modified", config: heuristics, answer: with(`ETag: "a"`), want: asks},
		scene{name: "heuristic-a-day-at-most", config: heuristics, answer: with("Last-Modified: now-9000h"), wait: 25 * hour, want: validates},
		scene{name: "heuristic-not-with-expires", config: heuristics, answer: with("Last-Modified: now-10h", "Expires: 0"), want: validates},
		scene{name: "a-rule-gives-a-time", config: minutes, wait: 59 * time.Second, want: stored},
		scene{name: "a-rule-gives-a-time-that-ends", config: minutes, wait: 60 * time.Second, want: asks},
		scene{name: "a-rule-gives-no-time-against-no-store", config: minutes, answer: with("Cache-Control: no-store"), want: asks},
		scene{name: "a-rule-gives-no-time-to-an-error", config: minutes, status: 500, want: asks},
		scene{name: "a-rule-gives-no-time-to-a-redirect-for-now", config: minutes, status: 302, want: asks},
	)
}

func targeted() []scene {
	return []scene{
		{name: "cdn-max-age", answer: with("CDN-Cache-Control: max-age=3600"), wait: minute, want: stored},
		{name: "cdn-max-age-0", answer: with("CDN-Cache-Control: max-age=0", "Cache-Control: max-age=3600"), want: asks},
		{name: "cdn-max-age-expires", answer: with("CDN-Cache-Control: max-age=3600", "Expires: now-1h"), wait: minute, want: stored},
		{name: "cdn-no-store-cc-fresh", answer: with("CDN-Cache-Control: no-store", "Cache-Control: max-age=3600"), want: asks},
		{name: "cdn-fresh-cc-nostore", answer: with("CDN-Cache-Control: max-age=3600", "Cache-Control: no-store"), wait: minute, want: stored},
		{name: "cdn-private", answer: with("CDN-Cache-Control: private, max-age=3600", "Cache-Control: max-age=3600"), want: asks},
		{name: "cdn-cc-invalid-sh-type-wrong", answer: with("CDN-Cache-Control: max-age=\"10000\"", "Cache-Control: max-age=1"), want: asks},
		{name: "cdn-cc-invalid-sh-type-unknown", answer: with("CDN-Cache-Control: max-age=3600, &&&&&", "Cache-Control: no-store"), want: asks},
		{name: "cdn-max-age-case-insensitive", answer: with("CDN-Cache-Control: MaX-aGe=3600", "Cache-Control: no-store"), want: asks},
		{name: "cdn-max-age-space-before-equals", answer: with("CDN-Cache-Control: max-age =3600", "Cache-Control: no-store"), want: asks},
		{name: "cdn-max-age-extension", answer: with("CDN-Cache-Control: foobar, max-age=3600;x=1"), wait: minute, want: stored},
		{name: "cdn-boolean-false", answer: with("CDN-Cache-Control: no-store=?0, max-age=3600"), wait: minute, want: stored},
		{name: "cdn-trailing-comma", answer: with("CDN-Cache-Control: max-age=3600,", "Cache-Control: no-store"), want: asks},
	}
}

func others() []scene {
	fresh := with("Cache-Control: max-age=3600")
	return []scene{
		{name: "method-HEAD-from-GET", answer: fresh, method: "HEAD", want: stored},
		{name: "method-POST", answer: fresh, method: "POST", want: asks},
		{name: "other-authorization", answer: fresh, first: with("Authorization: x"), second: with("Authorization: x"), want: asks},
		{name: "other-authorization-must-revalidate", answer: with("Cache-Control: max-age=3600, must-revalidate"), first: with("Authorization: x"), second: with("Authorization: x"), want: asks},
		{name: "other-authorization-public", answer: with("Cache-Control: max-age=3600, public"), first: with("Authorization: x"), second: with("Authorization: y"), wait: minute, want: stored},
		{name: "other-authorization-smaxage", answer: with("Cache-Control: s-maxage=3600"), first: with("Authorization: x"), second: with("Authorization: y"), wait: minute, want: stored},
		{name: "other-authorization-of-the-second-only", answer: fresh, second: with("Authorization: x"), want: asks},
		{name: "other-cookie", answer: fresh, first: with("Cookie: a=b"), want: asks},
		{name: "other-cookie-public", answer: with("Cache-Control: max-age=3600, public"), first: with("Cookie: a=b"), want: asks},
		{name: "other-cookie-of-the-second-only", answer: fresh, second: with("Cookie: a=b"), want: asks},
		{name: "other-cookie-of-the-second-only-public", answer: with("Cache-Control: max-age=3600, public"), second: with("Cookie: a=b"), want: stored},
		{name: "other-cookie-of-the-second-only-public-vary", answer: with("Cache-Control: max-age=3600, public", "Vary: Cookie"), second: with("Cookie: a=b"), want: asks},
		{name: "other-date-update", answer: with("Cache-Control: max-age=3600", "Date: now+0s"), wait: minute, want: stored},
		{name: "conditional-lm-stale", answer: with("Cache-Control: max-age=60", "Last-Modified: now-10h"), wait: hour, want: validates},
		{name: "conditional-etag-strong-generate", answer: with("Cache-Control: max-age=60", `ETag: "a"`), wait: hour, want: validates},
		{name: "conditional-etag-weak-generate-weak", answer: with("Cache-Control: max-age=60", `ETag: W/"a"`), wait: hour, want: validates},
		{name: "conditional-fetch-is-whole", answer: fresh, first: with(`If-None-Match: "x"`), wait: minute, want: stored},
		{name: "partial-request-is-passed", answer: fresh, first: with("Range: bytes=0-1"), want: asks},
		{name: "a-rule-bypasses", config: func(c *Config) { c.Rules = []Rule{{Path: "/", Bypass: true}} }, answer: fresh, want: asks},
	}
}

func staleness() []scene {
	return []scene{
		{name: "stale-while-revalidate-over", answer: with("Cache-Control: max-age=60, stale-while-revalidate=60"), wait: 2 * minute, want: asks},
		{name: "stale-close-must-revalidate", answer: with("Cache-Control: max-age=60, must-revalidate", `ETag: "a"`), wait: 2 * minute, want: validates},
		{name: "stale-close-s-maxage", answer: with("Cache-Control: s-maxage=60, stale-while-revalidate=600", `ETag: "a"`), wait: 2 * minute, want: validates},
	}
}
