package files

import (
	"strings"
	"testing"
)

// Threats "HTML/SVG/PDF script" and "client-chosen Content-Type", rows C-26 and S0-39.
func TestOnlyHarmlessTypesThatLookLikeItAreShown(t *testing.T) {
	t.Parallel()
	f := func(declared, sniffed, wantType string, wantInline bool) {
		t.Helper()
		got := present(declared, sniffed, "", false, nil)
		if got.contentType != wantType || got.inline != wantInline || got.page {
			t.Errorf("declared %q, sniffed %q: got %+v", declared, sniffed, got)
		}
	}
	f("image/png", "image/png", "image/png", true)
	f("image/jpg", "image/jpeg", "image/jpeg", true)
	f("audio/ogg", "application/ogg", "audio/ogg", true)
	f("application/pdf", "application/pdf", "application/pdf", true)
	f("text/plain", "text/plain; charset=utf-8", "text/plain; charset=utf-8", true)
	f("text/plain; charset=latin1", "text/plain; charset=utf-8", "text/plain; charset=latin1", true)
	f("", "image/webp", "image/webp", true) // undeclared: the content decides
	f("binary/octet-stream", "image/gif", "image/gif", true)

	f("image/png", "text/html; charset=utf-8", octets, false) // a page that calls itself a picture
	f("image/png", "application/octet-stream", octets, false)
	f("text/plain", "text/html; charset=utf-8", octets, false)
	f("application/pdf", "application/zip", octets, false)
	f("text/html", "text/html; charset=utf-8", octets, false)
	f("image/svg+xml", "image/svg+xml", octets, false)
	f("image/svg+xml", "text/plain; charset=utf-8", octets, false)
	f("text/javascript", "text/plain; charset=utf-8", octets, false) // no page may load it as a script
	f("text/css; charset=utf-8", "text/plain; charset=utf-8", octets, false)
	f("", "text/html; charset=utf-8", octets, false)
	f("nonsense;;", "text/html", octets, false)
	f("TEXT/HTML", "text/plain", octets, false)

	f("application/vnd.ms-excel", "application/octet-stream", "application/vnd.ms-excel", false)
	f("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document", false)
	f("text/csv", "text/plain; charset=utf-8", "text/csv", false)
	f("application/json", "text/plain; charset=utf-8", "application/json", false)
	f("text/plain", "application/json", "text/plain", true)
	f("text/plain", "text/csv", "text/plain", true)
	f("text/csv", "application/json", "text/csv", false)
	f("text/plain", "image/svg+xml", octets, false)
	f("text/plain", "text/xml", octets, false)
	f("application/octet-stream", "image/png", octets, false) // asked for: saved
}

func TestALinkMayAskForATypeOnlyIfTheContentAgrees(t *testing.T) {
	t.Parallel()
	if got := present("application/octet-stream", "image/png", "image/png", false, nil); got != (shape{"image/png", true, false}) {
		t.Errorf("a picture as a picture: %+v", got)
	}
	if got := present("image/png", "image/png", "text/plain", false, nil); got.inline || got.contentType != octets {
		t.Errorf("a picture as text: %+v", got)
	}
	for _, t2 := range []string{"text/html", "image/svg+xml", "text/javascript"} {
		if got := override(t2); got != octets {
			t.Errorf("a link may ask for %s", t2)
		}
	}
}

func TestABucketsPagesAreShownOnlyWhenConfigured(t *testing.T) {
	t.Parallel()
	pages := []string{"text/html"}
	if got := present("text/html; charset=utf-8", "text/html; charset=utf-8", "", false, pages); !got.inline || !got.page {
		t.Errorf("a page of the application: %+v", got)
	}
	if got := present("text/html", "text/plain; charset=utf-8", "", false, pages); !got.page { // a snippet without <html>
		t.Errorf("a snippet: %+v", got)
	}
	if got := present("text/html", "image/png", "", false, pages); got.inline {
		t.Errorf("a picture that calls itself a page: %+v", got)
	}
	if got := present("text/html", "text/html", "", true, pages); got.inline || got.page {
		t.Errorf("asked to be saved: %+v", got)
	}
}

// RFC 6266 and RFC 8187.
func TestContentDispositionCarriesEveryNameSafely(t *testing.T) {
	t.Parallel()
	f := func(name, want string) {
		t.Helper()
		if got := contentDisposition(true, name); got != "inline; "+want {
			t.Errorf("%q: got %s", name, got)
		}
	}
	f("cat.jpg", `filename="cat.jpg"`)
	f("my cat.jpg", `filename="my cat.jpg"`)
	f(`a"b\c.txt`, `filename="a_b_c.txt"; filename*=UTF-8''a%22b%5Cc.txt`)
	f("100%.pdf", `filename="100_.pdf"; filename*=UTF-8''100%25.pdf`)
	f("Prüfung.pdf", `filename="Pr_fung.pdf"; filename*=UTF-8''Pr%C3%BCfung.pdf`)
	f("日本.txt", `filename="__.txt"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt`)
	if got := contentDisposition(false, "a\r\nSet-Cookie: x"); strings.ContainsAny(got, "\r\n") {
		t.Errorf("a header is split: %q", got)
	}
}

func FuzzContentDisposition(f *testing.F) {
	f.Add("cat.jpg")
	f.Add("a\"; filename*=UTF-8''evil.exe")
	f.Fuzz(func(t *testing.T, name string) {
		got := contentDisposition(false, name)
		for i := range len(got) {
			if got[i] < 0x20 || got[i] > 0x7e {
				t.Fatalf("%q has byte %#x", got, got[i])
			}
		}
		if strings.Count(got, `"`) != 2 {
			t.Fatalf("%q ends its quoted string early", got)
		}
	})
}
