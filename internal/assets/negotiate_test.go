package assets

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// variantsOf returns variants of these codings and sizes, sorted as a set has them.
func variantsOf(sizes map[Coding]int64) []*Variant {
	var out []*Variant
	for c, size := range sizes {
		out = append(out, &Variant{Coding: c, Size: size})
	}
	slices.SortFunc(out, func(a, b *Variant) int { return int(a.Size - b.Size) })
	return out
}

func all() []*Variant {
	return variantsOf(map[Coding]int64{Identity: 100, Gzip: 40, Zstd: 35, Brotli: 30})
}

// S3-17, RFC 9110 section 12.5.3: each header gets the coding that it asks for.
func TestTheCodingFollowsAcceptEncoding(t *testing.T) {
	t.Parallel()
	f := func(header, want string) {
		t.Helper()
		got := "none"
		if v := choose(all(), header); v != nil {
			got = string(v.Coding)
		}
		if got != want {
			t.Errorf("Accept-Encoding %q: %s, want %s", header, got, want)
		}
	}
	f("", "identity")
	f("gzip, deflate, br, zstd", "br")
	f("gzip, deflate", "gzip")
	f("GZIP", "gzip")
	f("x-gzip", "gzip")
	f("zstd", "zstd")
	f("br;q=0.5, gzip;q=0.8", "gzip")
	f("br;q=0, gzip", "gzip")
	f("br; q=0, gzip ; q=0.001", "gzip")
	f("br;q=0.000", "identity")
	f("gzip;q=0", "identity")
	f("identity", "identity")
	f("identity;q=0", "none")
	f("identity;q=0, gzip", "gzip")
	f("identity;q=0.5, gzip;q=0.1", "identity")
	f("*", "br")
	f("*;q=0", "none")
	f("*;q=0, identity", "identity")
	f("*;q=0, gzip", "gzip")
	f("*;q=0.1, gzip;q=0.5", "gzip")
	f("gzip;q=0, *", "br")
	f("deflate", "identity")
	f("br;q=1.5, gzip", "gzip")
	f("br;q=x, gzip", "gzip")
	f("br;level=4, gzip", "gzip")
	f(",,gzip,,", "gzip")
	f("compress, br;Q=1.0", "br")
	f("br;q=1.000", "br")
	f("br;q=0.9999, gzip", "gzip")
}

func TestWhatHasOneCodingOnlyIsSentAsItIs(t *testing.T) {
	t.Parallel()
	one := variantsOf(map[Coding]int64{Identity: 10})
	for _, header := range []string{"", "gzip, br", "br;q=1, *;q=0.1"} {
		if v := choose(one, header); v == nil || v.Coding != Identity {
			t.Errorf("%q: %v", header, v)
		}
	}
	if choose(one, "identity;q=0") != nil {
		t.Error("identity was ruled out and sent all the same")
	}
}

// The rule, written in the plainest way: over random headers it must agree with what is used.
func TestNegotiationAgreesWithItsDefinition(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		header, weights := randomAcceptEncoding(r)
		sizes := map[Coding]int64{Identity: 100}
		for _, c := range codings() {
			if r.IntN(2) == 0 {
				sizes[c] = int64(10 + r.IntN(90))
			}
		}
		got := choose(variantsOf(sizes), header)
		want, size := quality(0), int64(0)
		for c, n := range sizes {
			q := defined(weights, c)
			if q > want || q == want && q > 0 && n < size {
				want, size = q, n
			}
		}
		switch {
		case want == 0 && defined(weights, Identity) == 0 && mentionsIdentity(weights):
			if got != nil {
				t.Fatalf("%q: got %s though nothing is acceptable", header, got.Coding)
			}
		case want == 0:
			if got == nil || got.Coding != Identity {
				t.Fatalf("%q: got %v, want identity", header, got)
			}
		case got == nil || defined(weights, got.Coding) != want || got.Size != size:
			t.Fatalf("%q over %v: got %+v, want weight %d and size %d", header, sizes, got, want, size)
		}
	}
}

func mentionsIdentity(w map[string]quality) bool {
	if q, ok := w["identity"]; ok {
		return q == 0
	}
	q, ok := w["*"]
	return ok && q == 0
}

func defined(w map[string]quality, c Coding) quality {
	if q, ok := w[string(c)]; ok {
		return q
	}
	return w["*"]
}

func randomAcceptEncoding(r *rand.Rand) (string, map[string]quality) {
	weights := map[string]quality{}
	var items []string
	for _, c := range []string{"identity", "gzip", "br", "zstd", "*", "deflate"} {
		if r.IntN(2) == 0 {
			continue
		}
		q := quality(r.IntN(1001))
		switch r.IntN(4) {
		case 0:
			q = 0
		case 1:
			q = 1000
		}
		weights[c] = q
		item := c + ";q=" + strconv.FormatFloat(float64(q)/1000, 'f', -1, 64)
		if q == 1000 && r.IntN(2) == 0 {
			item = c
		}
		items = append(items, item)
	}
	r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	return strings.Join(items, []string{",", ", ", " , "}[r.IntN(3)]), weights
}

func FuzzAcceptEncodingNeverSendsWhatWasRuledOut(f *testing.F) {
	for _, seed := range []string{"", "gzip", "br;q=0", "*;q=0,", "identity;q=0.001", ";;;", "q=1", "gzip;q", "\x00,\xff;q=0.5", "br;q=0.1234"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		v := choose(all(), header)
		a := parseAcceptEncoding(header)
		if v == nil {
			if a.of(Gzip) > 0 || a.of(Brotli) > 0 || a.of(Zstd) > 0 || a.of(Identity) > 0 {
				t.Fatalf("%q: nothing was sent though %+v", header, a)
			}
			return
		}
		if v.Coding != Identity && a.of(v.Coding) <= 0 {
			t.Fatalf("%q: %s was sent, and is not wanted", header, v.Coding)
		}
		if strings.TrimSpace(header) == "" && v.Coding != Identity {
			t.Fatalf("%q: %s was sent to somebody who said nothing", header, v.Coding)
		}
	})
}

func TestPatternsMatchAsPeopleExpect(t *testing.T) {
	t.Parallel()
	f := func(pattern, name string, want bool) {
		t.Helper()
		if err := checkPattern(pattern); err != nil {
			t.Fatal(err)
		}
		if got := matchPattern(pattern, name); got != want {
			t.Errorf("%q matches %q: %t", pattern, name, got)
		}
	}
	f("*.css", "css/deep/main.css", true)
	f("*.css", "main.js", false)
	f("css/*.css", "css/main.css", true)
	f("css/*.css", "css/deep/main.css", false)
	f("css/**", "css/deep/main.css", true)
	f("css/**", "js/css/a.css", false)
	f("**/vendor/**", "a/b/vendor/c.js", true)
	f("**/vendor/**", "vendor/c.js", true)
	f("**/*.map", "a.map", true)
	f("**", "anything/at/all", true)
	f("a/**/b/**/c", "a/x/b/y/z/c", true)
	f("a/**/b/**/c", "a/x/y/z/c", false)
	f("img/[a-c]?.png", "img/b7.png", true)
	for _, bad := range []string{"", "/a", "a//b", "../a", "a/./b", "[z-", "a/["} {
		if checkPattern(bad) == nil {
			t.Errorf("%q was taken for a pattern", bad)
		}
	}
}
