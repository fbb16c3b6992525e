package revision_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/revision"
)

// S4-11: rules are patterns.
func TestPatternsMatchAndCaptureSegments(t *testing.T) {
	t.Parallel()
	f := func(text, path string, want ...string) {
		t.Helper()
		p, err := revision.ParsePattern(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !p.Match(path) {
			t.Errorf("%q does not match %q", text, path)
		}
		expect(t, text+" in "+path, p.Captures(path), want...)
	}
	f("elements", "elements")
	f("questions/{id...}", "questions/a", "a")
	f("questions/{id...}", "questions/a/b/c", "a/b/c")
	f("{x}/{y}", "a/b", "a", "b")
	f("ci/{i...}/as/{a...}/f", "ci/Fa26/as/hw1/f", "Fa26", "hw1")
	f("ci/{i...}/as/{a...}/f", "ci/d/Fa26/as/u/hw1/f", "d/Fa26", "u/hw1")
	f("ci/{i...}/as/{a...}/f", "ci/x/as/y/as/z/f", "x", "y/as/z")
	f("q/{id...}/thumbnail.*", "q/a/b/thumbnail.png", "a/b")
	f("*/*.js", "x/.js")
	f("a*b*c", "aXbbYc")
	f("{a...}/{b...}/{c...}", "1/2/3/4", "1", "2", "3/4")
	no := func(text, path string) {
		t.Helper()
		if p, err := revision.ParsePattern(text); err != nil || p.Match(path) {
			t.Errorf("%q matches %q (%v)", text, path, err)
		}
	}
	no("elements", "elements/x")
	no("questions/{id...}", "questions")
	no("questions/{id...}", "question/a")
	no("{x}/{y}", "a")
	no("{x}/{y}", "a/b/c")
	no("q/{id...}/thumbnail.*", "q/thumbnail.png")
	no("a*a", "a")
	no("*.js", "d/x.js")
}

func TestPatternsThatMeanNothingAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "/", "a/", "/a", "a//b", "../a", "a/.", "{", "a{b}", "{a}b", "{}", "{1}", "{...}", "{a..}", "{a b}", "a}b", "a\x00b", strings.Repeat("a/", 40) + "a",
	} {
		if _, err := revision.ParsePattern(text); err == nil {
			t.Errorf("%q is taken for a pattern", text)
		}
	}
}

// expression is the pattern as a regular expression: another way to the same answer.
func expression(text string) *regexp.Regexp {
	var out []string
	for part := range strings.SplitSeq(text, "/") {
		switch {
		case strings.HasSuffix(part, "...}"):
			out = append(out, "([^/]+(?:/[^/]+)*?)")
		case strings.HasPrefix(part, "{"):
			out = append(out, "([^/]+)")
		default:
			out = append(out, strings.ReplaceAll(regexp.QuoteMeta(part), `\*`, "[^/]*"))
		}
	}
	return regexp.MustCompile("(?s)^" + strings.Join(out, "/") + "$")
}

func FuzzPattern(f *testing.F) {
	f.Add("questions/{id...}", "questions/a/b")
	f.Add("ci/{i...}/as/{a...}/f", "ci/x/as/y/as/z/f")
	f.Add("*a*/{x}/b*", "bab/c/b")
	f.Add("{a...}/{b...}/{c...}/x", "1/2/3/4/5/x")
	f.Add(".", "a")
	f.Fuzz(func(t *testing.T, text, path string) {
		p, err := revision.ParsePattern(text)
		if err != nil || text == "." || path == "" || strings.Contains("/"+path+"/", "//") || !isASCII(text+path) {
			return
		}
		found := expression(text).FindStringSubmatch(path)
		if p.Match(path) != (found != nil) {
			t.Fatalf("%q matches %q: %v; the expression says %v", text, path, p.Match(path), found != nil)
		}
		if got := p.Captures(path); found != nil && !slices.Equal(got, found[1:]) {
			t.Fatalf("%q of %q captures %q; the expression %q", text, path, got, found[1:])
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
}
