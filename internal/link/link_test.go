package link_test

import (
	"testing"
	"time"

	"holdfast/internal/link"
)

// A page reloaded within the window shows the same links, so that browsers and CDNs find them in their caches.
func TestExpiryRoundsUpToTheWindow(t *testing.T) {
	t.Parallel()
	f := func(sec, nsec int64, ttl, window time.Duration, want int64) {
		t.Helper()
		if got := link.Expiry(time.Unix(sec, nsec), ttl, window).Unix(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	const quarter = 15 * time.Minute
	f(1767225600, 0, time.Hour, quarter, 1767229200) // on the edge: exactly the life asked for
	f(1767225601, 0, time.Hour, quarter, 1767230100)
	f(1767226499, 999, time.Hour, quarter, 1767230100)
	f(1767226500, 0, time.Hour, quarter, 1767230100)
	f(1767226500, 1, time.Hour, quarter, 1767231000) // never shorter than asked for
	f(1767225601, 0, time.Minute, 0, 1767225661)
}

func TestSameGrantGivesTheSameURLWithinTheWindow(t *testing.T) {
	t.Parallel()
	k := makeKey(t, photosKey())
	sign := func(at time.Time) string {
		g := grant()
		g.Expires = link.Expiry(at, time.Hour, 15*time.Minute)
		path, err := k.SignGet(g)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	start := time.Unix(1767225601, 0)
	if sign(start) != sign(start.Add(14*time.Minute)) {
		t.Error("the URL changed within the window")
	}
	if sign(start) == sign(start.Add(15*time.Minute)) {
		t.Error("the URL did not change with the window")
	}
}

func TestCleanNameMakesASafeFileName(t *testing.T) {
	t.Parallel()
	f := func(in, want string) {
		t.Helper()
		if got := link.CleanName(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	f("2026/in/cat.jpg", "cat.jpg")
	f(`C:\Users\x\cat.jpg`, "cat.jpg")
	f("a\r\nSet-Cookie: x", "aSet-Cookie: x")
	f("photo\u202egpj.exe", "photogpj.exe")
	f("bad\xffutf", "badutf")
	f("", "file")
	f("dir/", "file")
	f("..", "file")
	long := ""
	for range 200 {
		long += "ü"
	}
	if got := link.CleanName(long); len(got) != 254 {
		t.Errorf("a long name is cut within a character: %d bytes", len(got))
	}
}

func FuzzParse(f *testing.F) {
	k := makeKey(f, photosKey())
	for _, v := range makeVectors(f).Valid {
		f.Add(v.Path, v.Download)
		f.Add(v.Query, v.Download)
	}
	for _, r := range makeVectors(f).Refused {
		f.Add(r.Path, "cat.jpg")
	}
	other := photosKey()
	other.Secret += "x"
	stranger := makeKey(f, other)
	f.Fuzz(func(t *testing.T, path, name string) {
		if l, err := link.ParseGet(path); err == nil {
			remade(t, k, l)
		}
		if l, err := link.ParseGetQuery(path, name); err == nil {
			remade(t, k, l)
		}
		if l, err := link.ParsePut(path); err == nil && stranger.VerifyPut(l, "s", now) == nil {
			t.Errorf("%q verifies with another key", path)
		}
	})
}

// remade checks that what was parsed has one meaning: signing it gives a link that parses to the same fields.
func remade(t *testing.T, k *link.Key, l link.GetLink) {
	t.Helper()
	g := link.Get{
		Blob: l.Blob, Name: l.Name, Expires: time.Unix(l.Expires, 0),
		Attachment: l.Attachment, MediaType: l.MediaType, Shared: l.Shared,
	}
	if l.Bound {
		g.Session = "s"
	}
	path, err := k.SignGet(g)
	if err != nil {
		t.Fatalf("parsed but cannot be signed: %+v: %v", l, err)
	}
	m, err := link.ParseGet(path)
	if err != nil {
		t.Fatalf("signed but cannot be parsed: %s: %v", path, err)
	}
	if link.Unsigned(m, k.ID()) != link.Unsigned(l, k.ID()) {
		t.Fatalf("two meanings: %+v and %+v", m, l)
	}
}

func BenchmarkParseAndVerifyGet(b *testing.B) {
	k := makeKey(b, photosKey())
	path, err := k.SignGet(grant())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l, err := link.ParseGet(path)
		if err != nil || k.VerifyGet(l, "", now) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkSignGet(b *testing.B) {
	k, g := makeKey(b, photosKey()), grant()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.SignGet(g); err != nil {
			b.Fatal(err)
		}
	}
}
