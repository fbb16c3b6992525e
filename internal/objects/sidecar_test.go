package objects

import (
	"strings"
	"testing"
	"time"
)

// The form of the sidecar is stable: files written today are read by every later version.
func TestTheSidecarHasItsPublishedForm(t *testing.T) {
	t.Parallel()
	o := Object{
		Bucket: "papers", Key: "2026/ä <1>.pdf", Size: 16384, ETag: "9e10", Sniffed: "application/pdf",
		Headers:   Headers{ContentType: "application/pdf", User: map[string]string{"author": "1"}},
		Digests:   Digests{MD5: []byte{0x9e, 0x10}, SHA256: []byte{0xe3, 0xb0}, Algorithm: "CRC32", Checksum: []byte{1}, Composite: true, Parts: 2},
		Created:   time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC),
		ExpiresAt: time.Date(2027, 2, 3, 4, 5, 6, 0, time.UTC),
	}
	const form = `{"v":1,"bucket":"papers","key":"2026/ä <1>.pdf","headers":{"content_type":"application/pdf","user":{"author":"1"}},` +
		`"size":16384,"etag":"9e10","md5":"9e10","sha256":"e3b0","sniffed":"application/pdf","created":"2026-02-03T04:05:06.789Z",` +
		`"expires":"2027-02-03T04:05:06Z","algorithm":"CRC32","checksum":"01","composite":true,"parts":2}`
	text, err := SidecarOf(&o).Encode()
	if err != nil || string(text) != form {
		t.Errorf("%s, %v", text, err)
	}
	back, err := DecodeSidecar([]byte(strings.Replace(form, `"v":1,`, `"v":1,"later":true,`, 1)))
	if err != nil || back.Key != o.Key || !back.Created.Equal(o.Created) || back.MD5[0] != 0x9e || back.Headers.User["author"] != "1" {
		t.Errorf("%+v, %v", back, err)
	}
	small, err := SidecarOf(&Object{Bucket: "b", Key: "k"}).Encode()
	if err != nil || strings.Contains(string(small), "md5") || strings.Contains(string(small), "expires") {
		t.Errorf("%s, %v", small, err)
	}
	for _, bad := range []string{"", "{", `{"v":2}`, `{}`, `{"v":1,"md5":"xyz"}`} {
		if _, err := DecodeSidecar([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// The largest object description that is accepted must fit into every store.
func TestTheLargestSidecarFits(t *testing.T) {
	t.Parallel()
	h := Headers{User: map[string]string{"a": strings.Repeat("\x01", (maxHeaders-30)/6)}}
	if _, err := encodeHeaders(h); err != nil {
		t.Fatal(err)
	}
	text, err := SidecarOf(&Object{Bucket: strings.Repeat("b", 63), Key: strings.Repeat("\x01", maxKey), Headers: h, Digests: Digests{
		MD5: make([]byte, 16), SHA256: make([]byte, 32), Checksum: make([]byte, 64), Algorithm: "XXHASH128",
	}}).Encode()
	if err != nil || len(text) > 16<<10 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
