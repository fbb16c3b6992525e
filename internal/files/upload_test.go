package files_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/internal/files"
	"holdfast/internal/objects"
	"holdfast/internal/unit"
)

// S1-46, E-06: a browser puts one file straight into the store, once.
func TestASlotTakesOneUpload(t *testing.T) {
	t.Parallel()
	s := newSite(t, onDisk(t))
	a, b := s.node(t), s.node(t)
	slot := slotFor(t, a, "papers", "in/Übersicht 1.png")
	r := b.do(t, http.MethodPut, slot, strings.NewReader(png), "Content-Type", "image/png")
	var got files.UploadAnswer
	if err := json.Unmarshal([]byte(r.body), &got); r.status != http.StatusCreated || err != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	o, err := a.index.Head(t.Context(), objects.Ref{Bucket: "papers", Key: "in/Übersicht 1.png"})
	if err != nil {
		t.Fatal(err)
	}
	want := files.UploadAnswer{Bucket: "papers", Key: o.Key, ETag: o.ETag, Size: int64(len(png)), Type: "image/png", Blob: o.Blob.String()}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, n := range []*node{a, b} {
		if r := n.do(t, http.MethodPut, slot, strings.NewReader(png)); r.status != http.StatusConflict || r.code(t) != "slot_used" {
			t.Errorf("a second time: %+v", r)
		}
	}
	if r := a.get(t, a.sign(t, "papers", o.Key)); r.body != png {
		t.Errorf("%+v", r)
	}
}

// Of many uploads through one slot at once, on two processes, one wins.
func TestOfManyUploadsThroughOneSlotOneWins(t *testing.T) {
	t.Parallel()
	s := newSite(t, onDisk(t))
	nodes := []*node{s.node(t), s.node(t)}
	slot := slotFor(t, nodes[0], "papers", "x.png")
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wg.Go(func() {
			statuses[i] = nodes[i%2].do(t, http.MethodPut, slot, strings.NewReader(png+fmt.Sprint(i))).status
		})
	}
	wg.Wait()
	won := 0
	for _, status := range statuses {
		switch status {
		case http.StatusCreated:
			won++
		case http.StatusConflict:
		default:
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d uploads won: %v", won, statuses)
	}
}

// Threats "oversize" and "client-chosen type", E-15: limits of the slot and of the bucket hold, nothing is stored, and the
// slot can be used again.
func TestAnUploadIsHeldToItsLimits(t *testing.T) {
	t.Parallel()
	n := newSite(t, func(s *site) {
		s.config.Buckets["small"] = files.BucketConfig{MaxSize: 100, Types: []string{"image/*"}}
	}).node(t)
	limited := slotFor(t, n, "papers", "x.png", func(r *files.CreateSlotRequest) { r.MaxSize, r.Type = 100, "image/png" })
	inSmall := slotFor(t, n, "small", "x.png")
	gif := "GIF89a" + strings.Repeat("x", 20)
	f := func(slot, body string, unknown bool, wantStatus int, wantCode string) {
		t.Helper()
		var in io.Reader = strings.NewReader(body)
		if unknown {
			in = io.MultiReader(in) // chunked: no Content-Length
		}
		if r := n.do(t, http.MethodPut, slot, in, "Content-Type", "image/png"); r.status != wantStatus || r.code(t) != wantCode {
			t.Errorf("%.10q, %d bytes: %d %s", body, len(body), r.status, r.body)
		}
	}
	long := png + strings.Repeat("x", 100)
	for _, slot := range []string{limited, inSmall} {
		f(slot, long, false, 413, "object_too_large")
		f(slot, long, true, 413, "object_too_large")
		f(slot, "<html><script>alert(1)</script>", false, 415, "type_not_allowed")
		f(slot, "", false, 415, "type_not_allowed")
	}
	f(limited, gif, false, 415, "type_not_allowed")
	if _, err := n.index.Head(t.Context(), objects.Ref{Bucket: "papers", Key: "x.png"}); err == nil {
		t.Error("a refused upload left an object")
	}
	for _, slot := range []string{limited, inSmall} {
		if r := n.do(t, http.MethodPut, slot, strings.NewReader(png)); r.status != http.StatusCreated {
			t.Errorf("after refusals the slot is used up: %+v", r)
		}
	}
}

// A body that is too large is refused before it is sent, when the client waits for "100 Continue".
func TestATooLargeUploadIsRefusedBeforeItIsSent(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	slot := slotFor(t, n, "papers", "x.png", func(r *files.CreateSlotRequest) { r.MaxSize = 100 })
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", slot)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// S0-36 for uploads: every alteration is one refusal; what expired says so.
func TestAnAlteredSlotIsRefused(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	slot := slotFor(t, n, "papers", "in/x.png", func(r *files.CreateSlotRequest) { r.MaxSize, r.TTL = 100, unit.Duration(time.Minute) })
	token := strings.Split(strings.Split(slot, "/")[2], ".")
	put := func(path string) reply { return n.do(t, http.MethodPut, path, strings.NewReader(png)) }
	want := put(slot + "x")
	if want.status != http.StatusForbidden || want.code(t) != "link_refused" {
		t.Fatalf("%+v", want)
	}
	for name, path := range map[string]string{
		"bucket":    strings.Replace(slot, "/papers/", "/open/", 1),
		"key":       strings.Replace(slot, "/in/", "/out/", 1),
		"limit":     strings.Replace(slot, "-100.", "-1000.", 1),
		"time":      strings.Replace(slot, "."+token[1]+".", "."+token[1]+"0.", 1),
		"signature": strings.Replace(slot, token[3], strings.Repeat("A", 22), 1),
		"key id":    strings.Replace(slot, token[0]+".", "zzzzzzzz.", 1),
		"as a get":  strings.Replace(slot, "p-", "i-", 1),
	} {
		r := put(path)
		if r.status != want.status || r.code(t) != "link_refused" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPatch} {
		if r := n.do(t, method, slot, nil); r.status != http.StatusForbidden || r.code(t) != "link_refused" {
			t.Errorf("%s: %+v", method, r)
		}
	}
	if r := put("/u/x/papers/in/x.png"); r.status != http.StatusNotFound {
		t.Errorf("no slot at all: %+v", r)
	}
	n.skew.Store(int64(2 * time.Minute))
	if r := put(slot); r.status != http.StatusForbidden || r.code(t) != "link_expired" {
		t.Errorf("expired: %+v", r)
	}
}

// A plain HTML form works as well.
func TestAFormUploadsItsFileField(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	form := func(field string) (io.Reader, string) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		_ = w.WriteField("csrf", "ignored")
		part, err := w.CreateFormFile(field, "cat.png")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write([]byte(png))
		_ = w.Close()
		return &b, w.FormDataContentType()
	}
	slot := slotFor(t, n, "papers", "x.png")
	body, contentType := form("other")
	if r := n.do(t, http.MethodPost, slot, body, "Content-Type", contentType); r.status != http.StatusBadRequest || r.code(t) != "bad_form" {
		t.Errorf("no file: %+v", r)
	}
	if r := n.do(t, http.MethodPost, slot, strings.NewReader(png), "Content-Type", "image/png"); r.code(t) != "bad_form" {
		t.Errorf("no form: %+v", r)
	}
	body, contentType = form("file")
	if r := n.do(t, http.MethodPost, slot, body, "Content-Type", contentType); r.status != http.StatusCreated {
		t.Fatalf("%+v", r)
	}
	if r := n.get(t, n.sign(t, "papers", "x.png")); r.body != png {
		t.Errorf("%+v", r)
	}
}

// RFC 9530: what was announced is checked, and a mismatch leaves nothing and keeps the slot.
func TestAnUploadWithAWrongDigestIsRefused(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	slot := slotFor(t, n, "papers", "x.png")
	header := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	}
	if r := n.do(t, http.MethodPut, slot, strings.NewReader(png), "Content-Digest", header("other")); r.status != 400 || r.code(t) != "bad_digest" {
		t.Errorf("%+v", r)
	}
	if r := n.do(t, http.MethodPut, slot, strings.NewReader(png), "Content-Digest", header(png)); r.status != http.StatusCreated {
		t.Errorf("%+v", r)
	}
}

// An upload that breaks off leaves nothing and can be tried again.
func TestAnUploadThatBreaksOffCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	slot := slotFor(t, n, "papers", "x.png")
	conn, err := net.Dial("tcp", strings.TrimPrefix(n.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n%s", slot, png)
	_ = conn.Close()
	within(t, 5*time.Second, "the broken upload is counted", func() bool { return n.Status(t.Context()).Uploads["unusable"] == 1 })
	if _, err := n.index.Head(t.Context(), objects.Ref{Bucket: "papers", Key: "x.png"}); err == nil {
		t.Error("half an upload left an object")
	}
	if r := n.do(t, http.MethodPut, slot, strings.NewReader(png)); r.status != http.StatusCreated {
		t.Errorf("%+v", r)
	}
}

// A script on an allowed origin may upload and read the answer; others may not.
func TestAScriptOfAnAllowedOriginMayUpload(t *testing.T) {
	t.Parallel()
	const app = "https://app.example.com"
	n := newSite(t, func(s *site) { s.config.Buckets["shared"] = files.BucketConfig{Origins: []string{app}} }).node(t)
	slot := slotFor(t, n, "shared", "x.png")
	ask := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "content-type"}
	r := n.do(t, http.MethodOptions, slot, nil, append(ask, "Origin", app)...)
	if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Methods") != "PUT" || r.header.Get("Access-Control-Allow-Headers") != "content-type" {
		t.Errorf("preflight: %+v", r)
	}
	if r := n.do(t, http.MethodOptions, slot, nil, append(ask, "Origin", "https://evil.example.org")...); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a stranger's preflight: %+v", r)
	}
	r = n.do(t, http.MethodPut, slot, strings.NewReader(png), "Origin", app, "Content-Type", "image/png")
	if r.status != http.StatusCreated || r.header.Get("Access-Control-Allow-Origin") != app {
		t.Errorf("upload: %+v", r)
	}
	r = n.do(t, http.MethodPut, slot, strings.NewReader(png), "Origin", app)
	if r.status != http.StatusConflict || r.header.Get("Access-Control-Allow-Origin") != app {
		t.Errorf("a refusal that the script may read: %+v", r)
	}
}
