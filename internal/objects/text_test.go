package objects

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTheSuccessorOfAPrefixIsAboveAllThatStartsWithIt(t *testing.T) {
	t.Parallel()
	for prefix, next := range map[string]string{
		"a": "b", "a/": "a0", "aé": "aê", "": "", "\x7f": "\u0080", "\u07ff": "\u0800", "\uD7FF": "\uE000", "\uFFFF": "\U00010000",
		"a\U0010FFFF": "b", "\U0010FFFF\U0010FFFF": "",
	} {
		if got := successor(prefix); got != next {
			t.Errorf("%q: %q, want %q", prefix, got, next)
		}
	}
}

func FuzzSuccessor(f *testing.F) {
	f.Add("a/", "a/b")
	f.Add("a\U0010FFFF", "b")
	f.Add("\uD7FF", "\uE000")
	f.Fuzz(func(t *testing.T, prefix, s string) {
		if !utf8.ValidString(prefix) || !utf8.ValidString(s) || len(s) > maxKey {
			return
		}
		end := above(prefix)
		inside := s >= prefix && s < end
		if prefix != "" && inside != strings.HasPrefix(s, prefix) {
			t.Errorf("%q in [%q, %q): %v", s, prefix, end, inside)
		}
		if !utf8.ValidString(end) {
			t.Errorf("%q is no text", end)
		}
	})
}

func TestTheEndOfEverythingIsAboveEveryKey(t *testing.T) {
	t.Parallel()
	if key := strings.Repeat("\U0010FFFF", maxKey/4); len(key) != maxKey || key >= last || key+first >= last {
		t.Errorf("%d bytes", len(key))
	}
}

func TestPartSizesAreStoredAsRuns(t *testing.T) {
	t.Parallel()
	for text, sizes := range map[string][]int64{
		"":                  nil,
		"{5,1}":             {5},
		"{5242880,9,17,1}":  {5242880, 5242880, 5242880, 5242880, 5242880, 5242880, 5242880, 5242880, 5242880, 17},
		"{1,1,2,2,1,1,0,1}": {1, 2, 2, 1, 0},
	} {
		packed := packSizes(sizes)
		if val(packed) != text {
			t.Errorf("%v: %q", sizes, val(packed))
		}
		var runs []int64
		n := int64(0)
		for _, c := range text {
			switch {
			case c >= '0' && c <= '9':
				n = 10*n + int64(c-'0')
			case c == ',' || c == '}':
				runs, n = append(runs, n), 0
			}
		}
		if got := unpackSizes(runs); !slices.Equal(got, sizes) {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// The page's two lists are each in order, so the last entry is the greater of their ends.
func TestAPageIsCutBehindItsLimit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keys, prefixes []string
		next           string
	}{
		{[]string{"a"}, []string{"b/"}, ""},
		{[]string{"a", "c"}, []string{"b/"}, "b/"},
		{[]string{"a", "b"}, []string{"c/"}, "b"},
		{nil, []string{"a/", "b/", "c/"}, "b/"},
	} {
		var p Page
		for _, k := range c.keys {
			p.Objects = append(p.Objects, Object{Key: k})
		}
		p.Prefixes = c.prefixes
		if p.cut(2); p.Next != c.next || len(p.Objects)+len(p.Prefixes) > 2 {
			t.Errorf("%q %q: next %q of %+v", c.keys, c.prefixes, p.Next, p)
		}
	}
}

// A field that is added to Headers must be checked, too.
func TestNoHeaderMayHoldWhatPostgreSQLCannot(t *testing.T) {
	t.Parallel()
	for i := range reflect.TypeFor[Headers]().NumField() {
		var h Headers
		f := reflect.ValueOf(&h).Elem().Field(i)
		switch f.Kind() {
		case reflect.String:
			f.SetString("a\x00b")
		case reflect.Map:
			f.Set(reflect.ValueOf(map[string]string{"a\x00b": ""}))
		default:
			t.Fatalf("field of kind %s", f.Kind())
		}
		if _, err := encodeHeaders(h); !errors.Is(err, ErrMetadataInvalid) {
			t.Errorf("%+v: %v", h, err)
		}
	}
}
