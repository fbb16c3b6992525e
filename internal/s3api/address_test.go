package s3api

import (
	"net/url"
	"testing"

	"holdfast/internal/s3wire"
)

func TestPathAndHostNameBucketAndKey(t *testing.T) {
	t.Parallel()
	v := s3wire.NewVerifier(s3wire.Verifier{Hosts: []string{"files.example.com", "https://cdn.example.com:8443"}})
	f := func(host, path, bucket, key string) {
		t.Helper()
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		a, ok := resolve(v.BucketOf(host), u)
		if !ok || a.bucket != bucket || a.key != key {
			t.Errorf("%s%s: got %q %q %v, want %q %q", host, path, a.bucket, a.key, ok, bucket, key)
		}
	}
	f("files.example.com", "/", "", "")
	f("files.example.com", "/b", "b", "")
	f("files.example.com", "/b/", "b", "")
	f("files.example.com:9000", "/b/k", "b", "k")
	f("b.files.example.com", "/k", "b", "k")
	f("B.Files.Example.com:80", "/k", "b", "k")
	f("a.b.cdn.example.com", "/k", "a.b", "k")
	f("127.0.0.1:9000", "/b/k", "b", "k")
	f("[::1]:9000", "/b/k", "b", "k")
	f("b.other.com", "/k", "k", "")
	f("evilfiles.example.com", "/b/k", "b", "k") // no dot before the name
	f("files.example.com", "/b//k", "b", "/k")
	f("files.example.com", "/b/../k", "b", "../k")
	f("files.example.com", "/b/%2e%2e/k", "b", "../k")
	f("files.example.com", "/b%2Fx/k", "b/x", "k")
	f("files.example.com", "/b/a%2Fb", "b", "a/b")
	f("files.example.com", "/b/a%00b", "b", "a\x00b")
	f("files.example.com", "/b/a+b", "b", "a+b")
	f("files.example.com", "/b/%C3%A4", "b", "ä")
}

func TestAPathWithoutABucketIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"//", "//k", "///k"} {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatal(err)
		}
		if a, ok := resolve("", u); ok && a.key != "" {
			t.Errorf("%s: %+v", path, a)
		}
	}
}
