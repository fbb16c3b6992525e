package link_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/internal/link"
	"holdfast/internal/secret"
)

// refusals makes the published list of links that must not be honoured, by altering a genuine one.
func refusals(plain, bound vector) []refusal {
	r := func(name, answer, from, to string) refusal {
		if strings.Count(plain.Path, from) != 1 {
			panic("the alteration " + name + " does not alter exactly one place")
		}
		return refusal{Name: name, Path: strings.Replace(plain.Path, from, to, 1), Now: plain.Now, Answer: answer}
	}
	const refused, notFound = "link_refused", "not_found"
	exp := strconv.FormatInt(plain.Expires, 10)
	sig := plain.Path[strings.LastIndex(plain.Path, ".i.")+3:][:22]
	return []refusal{
		{Name: "expired", Path: plain.Path, Now: plain.Expires, Answer: "link_expired"},
		r("altered name", refused, "cat.jpg", "dog.jpg"),
		r("lengthened name", refused, "cat.jpg", "cat.jpg2"),
		r("altered blob", refused, "0d0e0f", "0d0e0e"),
		r("truncated blob", refused, "0d0e0f", "0d0e0"),
		r("altered time", refused, exp, strconv.FormatInt(plain.Expires+900, 10)),
		r("time with a leading zero", refused, "."+exp, ".0"+exp),
		r("time with a sign", refused, "."+exp, ".-"+exp),
		r("altered disposition", refused, ".i.", ".a."),
		r("added sharing", refused, ".i.", ".ic."),
		r("added binding", refused, ".i.", ".is."),
		r("added media type", refused, ".i.", ".i-dGV4dC9odG1s."),
		r("unknown flag", refused, ".i.", ".z."),
		r("altered signature", refused, sig, flip(sig, 0)),
		r("other spelling of the last character", refused, sig, flip(sig, 21)),
		r("truncated signature", refused, sig, sig[:21]),
		r("extended signature", refused, sig, sig+"A"),
		r("foreign key", refused, "k1photos", "k2photos"),
		r("used as an upload", refused, "/m/", "/u/"),
		r("no name", notFound, "/cat.jpg", "/"),
		r("a path below", notFound, "/cat.jpg", "/cat.jpg/x"),
		r("part missing", notFound, ".i.", "."),
		r("no token", notFound, "/m/k1photos."+exp+".i."+sig, "/m/x"),
		{Name: "bound, without cookie", Path: bound.Path, Now: bound.Now, Answer: refused},
		{Name: "bound, foreign cookie", Path: bound.Path, Now: bound.Now, Session: "other", Answer: refused},
	}
}

// flip gives the character at i another value that is still base64url.
func flip(sig string, i int) string {
	c := byte('A')
	if sig[i] == 'A' {
		c = 'B'
	}
	return sig[:i] + string(c) + sig[i+1:]
}

var now = time.Unix(1767225601, 0)

func grant() link.Get {
	return link.Get{Blob: "000102030405060708090a0b0c0d0e0f", Name: "cat.jpg", Expires: now.Add(time.Hour)}
}

// S0-36: any altered byte of a genuine link is refused. All single-byte changes, cuts and insertions are tried.
func TestEveryAlteredByteOfALinkIsRefused(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	get, err := k.SignGet(grant())
	if err != nil {
		t.Fatal(err)
	}
	put, err := k.SignPut(link.Put{Key: "a/b.jpg", Slot: "s1", Expires: now.Add(time.Hour), MaxSize: 10, Type: "image/*"})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{get, put} {
		for i := range path {
			for _, c := range []byte("Aaz09_-./%~\x00\xff") {
				if c != path[i] {
					mustFail(t, k, path[:i]+string(c)+path[i+1:])
				}
				mustFail(t, k, path[:i]+string(c)+path[i:])
			}
			mustFail(t, k, path[:i])
			mustFail(t, k, path[:i]+path[i+1:])
		}
	}
}

func mustFail(t *testing.T, k *link.Key, path string) {
	t.Helper()
	err := verifyPath(k, path, "", now.Unix())
	if !errors.Is(err, link.ErrRefused) && !errors.Is(err, link.ErrNotLink) {
		t.Errorf("%q: got %v", path, err)
	}
}

// S0-36: foreign key, other bucket, raised epoch, rotated secret.
func TestALinkOfAnotherKeyBucketOrEpochIsRefused(t *testing.T) {
	t.Parallel()
	path, err := makeKey(t, photosKey()).SignGet(grant())
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, change func(*vectorKey)) {
		t.Helper()
		v := photosKey()
		change(&v)
		if err := verifyPath(makeKey(t, v), path, "", now.Unix()); !errors.Is(err, link.ErrRefused) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	f("other secret", func(v *vectorKey) { v.Secret += "x" })
	f("other id", func(v *vectorKey) { v.ID = "k2" })
	f("other bucket", func(v *vectorKey) { v.Bucket = "papers" })
	f("raised epoch", func(v *vectorKey) { v.Epoch++ })
}

func TestAPutLinkIsRefusedInAnotherBucketAndAGetTokenIsNoPutToken(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	put, err := k.SignPut(link.Put{Key: "a.jpg", Slot: "s1", Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, k, strings.Replace(put, "/photos/", "/papers/", 1))
	mustFail(t, k, strings.Replace(put, link.PutPrefix, link.GetPrefix, 1))
}

// The fields are length-prefixed: moving a byte from one field to its neighbour changes what is signed.
func TestFieldsCannotBeConfused(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	g := grant()
	_, one := link.GetInternals(k, g)
	g.Name = "cat.jpg,3:abc"
	_, two := link.GetInternals(k, g)
	if strings.HasPrefix(two, strings.TrimSuffix(one, ",")) {
		t.Errorf("%q continues %q", two, one)
	}
}

func TestAnExpiredLinkSaysSoOnlyWhenItIsGenuine(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	path, err := k.SignGet(grant())
	if err != nil {
		t.Fatal(err)
	}
	late := now.Add(2 * time.Hour).Unix()
	if err := verifyPath(k, path, "", late); !errors.Is(err, link.ErrExpired) {
		t.Errorf("genuine: %v", err)
	}
	if err := verifyPath(k, strings.Replace(path, "cat", "dog", 1), "", late); !errors.Is(err, link.ErrRefused) {
		t.Errorf("altered: %v", err)
	}
}

func TestASessionBoundLinkNeedsItsCookie(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	g := grant()
	g.Session = "mine"
	path, err := k.SignGet(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyPath(k, path, "mine", now.Unix()); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", "theirs"} {
		if err := verifyPath(k, path, s, now.Unix()); !errors.Is(err, link.ErrRefused) {
			t.Errorf("cookie %q: %v", s, err)
		}
	}
	unbound, err := k.SignGet(grant())
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyPath(k, unbound, "any", now.Unix()); err != nil {
		t.Errorf("a cookie must not disturb an unbound link: %v", err)
	}
}

func TestGrantsThatCannotBeSignedAreRefusedWithAReason(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	get := func(name string, change func(*link.Get)) {
		t.Helper()
		g := grant()
		change(&g)
		if path, err := k.SignGet(g); err == nil {
			t.Errorf("%s: signed %s", name, path)
		}
	}
	get("blob", func(g *link.Get) { g.Blob = "00" })
	get("upper case blob", func(g *link.Get) { g.Blob = strings.ToUpper(g.Blob) })
	get("no name", func(g *link.Get) { g.Name = "" })
	get("dots", func(g *link.Get) { g.Name = ".." })
	get("slash", func(g *link.Get) { g.Name = "a/b" })
	get("control", func(g *link.Get) { g.Name = "a\nb" })
	get("turned text", func(g *link.Get) { g.Name = "photo\u202egpj.exe" })
	get("no time", func(g *link.Get) { g.Expires = time.Time{} })
	get("type", func(g *link.Get) { g.MediaType = "text/html; charset=x" })
	get("shared and bound", func(g *link.Get) { g.Shared, g.Session = true, "s" })
	for _, key := range []string{"", "/a", "a/", "a//b", "a/../b", "./a", "a\x00", "\xff"} {
		if path, err := k.SignPut(link.Put{Key: key, Slot: "s", Expires: now}); err == nil {
			t.Errorf("key %q: signed %s", key, path)
		}
	}
	if _, err := k.SignPut(link.Put{Key: "a", Slot: "S", Expires: now}); err == nil {
		t.Error("slot in upper case signed")
	}
}

func TestKeysKeepTheirTextAndHideTheirSecret(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	again, err := link.ParseKey(k.Text())
	if err != nil || !again.Same(1, secret.New(photosKey().Secret)) || again.ID() != k.ID() || again.Bucket() != k.Bucket() {
		t.Errorf("got %+v, %v", again, err)
	}
	if strings.Contains(k.Text().String(), "oobar") {
		t.Error("the text form prints its secret")
	}
	for _, bad := range []string{"", "k:b:1", "k:b:x:0123456789abcdef", "K:b:1:0123456789abcdef", "k:b:1:short", "k:b:-1:0123456789abcdef"} {
		if _, err := link.ParseKey(secret.New(bad)); err == nil {
			t.Errorf("%q is no key", bad)
		}
	}
}
