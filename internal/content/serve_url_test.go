package content

import (
	"strings"
	"testing"
	"time"

	"holdfast/internal/secret"
)

const commitOne, commitTwo = "234fae12cd0011223344556677889900aabbccdd", "0000000000000000000000000000000000000001"

func signer(t *testing.T) *urlSigner {
	t.Helper()
	s, err := newURLSigner(secret.New("a-master-key-of-some-length"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASignedAddressIsHonouredUntilItsEnd(t *testing.T) {
	t.Parallel()
	s, now := signer(t), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	base := s.base("physics", commitOne, true, now, time.Hour)
	p, ok := parseContentPath(base + "clientFilesCourse/a b/x.png")
	if !ok || p.source != "physics" || p.commit != commitOne || p.file != "clientFilesCourse/a b/x.png" {
		t.Fatalf("%q is read as %+v, %v", base, p, ok)
	}
	if !s.verify(p, now) || !s.verify(p, now.Add(time.Hour)) {
		t.Error("the address does not work for its life")
	}
	if s.verify(p, now.Add(time.Hour+2*urlWindow)) {
		t.Error("the address works after its end")
	}
	if again := s.base("physics", commitOne, true, now.Add(time.Second), time.Hour); again != base {
		t.Errorf("a page loaded again gets another address: %s, %s", base, again)
	}
	if plain := s.base("physics", commitOne, false, now, time.Hour); plain != "/content/physics/"+commitOne+"/" {
		t.Errorf("a public address is %q", plain)
	}
}

func TestAnAlteredAddressIsRefused(t *testing.T) {
	t.Parallel()
	s, now := signer(t), time.Now()
	good := s.base("physics", commitOne, true, now, time.Hour) + "f"
	for i := len("/content/"); i < len(good)-2; i++ {
		for _, c := range []byte("0aZ-~./") {
			if good[i] == c {
				continue
			}
			bad := good[:i] + string(c) + good[i+1:]
			if p, ok := parseContentPath(bad); ok && s.verify(p, now) {
				t.Errorf("honoured: %s", bad)
			}
		}
	}
	other, err := newURLSigner(secret.New("another-master-key"))
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := parseContentPath(good); !ok || other.verify(p, now) {
		t.Error("honoured under another key")
	}
}

func TestOddPathsAreNoAddresses(t *testing.T) {
	t.Parallel()
	f := func(path string) {
		t.Helper()
		if p, ok := parseContentPath(path); ok {
			t.Errorf("%q is read as %+v", path, p)
		}
	}
	base := "/content/physics/" + commitOne + "/"
	f("/content/")
	f("/content/physics")
	f("/content/physics/" + commitOne)
	f(base)
	f(base + "a//b")
	f(base + "../x")
	f(base + "a/./b")
	f(base + "a/..")
	f(base + "a\x00b")
	f("/content/physics/" + strings.ToUpper(commitOne) + "/a")
	f("/content/physics/" + commitOne[:39] + "/a")
	f("/content/physics/" + commitOne + "~/a")
	f("/content/physics/" + commitOne + "~1.x~/a/..")
	f("/content/physics/" + commitOne + "~01.abc/a")
	f("/content/physics/" + commitOne + "~+1.abc/a")
	f("/content/physics/" + commitOne + "~-1.abc/a")
	f("/media/physics/" + commitOne + "/a")
}
