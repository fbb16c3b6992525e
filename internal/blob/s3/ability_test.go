package s3_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"holdfast/internal/s3test"
)

// ability is something that a service may lack, as docs/stores.md words it.
type ability struct {
	name string
	has  func(probe) bool
}

// probe asks a service directly.
type probe struct {
	*testing.T
	core   minio.Core
	server *s3test.Server
}

const probed = "abilities" // the bucket

func abilities() []ability {
	return []ability{
		{"refuses to overwrite: `If-None-Match: *` on PutObject", probe.conditionalPut},
		{"the same on CompleteMultipartUpload", probe.conditionalComplete},
		{"copies in parts: UploadPartCopy", probe.copyPart},
		{"lists unfinished uploads", probe.listUploads},
		{"starts a listing anywhere: `start-after`", probe.startAfter},
		{"checks the SHA-256 of a body against the signature", probe.checkDigest},
		{"checks the region of a signature", probe.checkRegion},
	}
}

// checkAbilities compares what the server can do with the table in docs/stores.md.
func checkAbilities(name string) func(*testing.T, *s3test.Server) {
	return func(t *testing.T, server *s3test.Server) {
		open(t, config(server, probed))
		p := probe{t, minio.Core{Client: client(t, server, server.Region)}, server}
		for _, a := range abilities() {
			want := map[bool]string{true: "yes", false: "no"}[a.has(p)]
			if got := documented(t, name, a.name); got != want {
				t.Errorf("docs/stores.md says %q, it is %q: %s", got, want, a.name)
			}
		}
	}
}

func client(t *testing.T, server *s3test.Server, region string) *minio.Client {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(server.AccessKey, server.SecretKey, ""), Region: region, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// documented returns the cell of the table: the row of the ability, the column whose head begins with the name.
func documented(t *testing.T, column, row string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/stores.md")
	if err != nil {
		t.Fatal(err)
	}
	at := -1
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		switch {
		case at < 0 && cells[0] == "a service that":
			at = slices.IndexFunc(cells, func(c string) bool { return strings.HasPrefix(c, column) })
		case at >= 0 && cells[0] == row && at < len(cells):
			return strings.TrimSpace(cells[at])
		}
	}
	return ""
}

// ask returns the error of a request, which must be S3's if there is one.
func (p probe) ask(err error) bool {
	p.Helper()
	var r minio.ErrorResponse
	if err != nil && !errors.As(err, &r) {
		p.Fatalf("no answer: %v", err)
	}
	return err == nil
}

func (p probe) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p probe) put(key, text string, o minio.PutObjectOptions) error {
	_, err := p.core.PutObject(context.Background(), probed, key, strings.NewReader(text), int64(len(text)), "", "", o)
	return err
}

// onlyAbsent asks for a write of what is not there yet.
func onlyAbsent() minio.PutObjectOptions {
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	return o
}

func (p probe) conditionalPut() bool {
	p.must(p.put("taken", "one", minio.PutObjectOptions{}))
	return p.ask(p.put("free", "one", onlyAbsent())) && !p.ask(p.put("taken", "two", onlyAbsent()))
}

func (p probe) conditionalComplete() bool {
	p.must(p.put("taken", "one", minio.PutObjectOptions{}))
	id, err := p.core.NewMultipartUpload(p.Context(), probed, "taken", minio.PutObjectOptions{})
	p.must(err)
	part, err := p.core.PutObjectPart(p.Context(), probed, "taken", id, 1, strings.NewReader("two"), 3, minio.PutObjectPartOptions{})
	p.must(err)
	_, err = p.core.CompleteMultipartUpload(p.Context(), probed, "taken", id,
		[]minio.CompletePart{{PartNumber: 1, ETag: part.ETag}}, onlyAbsent())
	return !p.ask(err)
}

func (p probe) copyPart() bool {
	p.must(p.put("source", "0123456789", minio.PutObjectOptions{}))
	id, err := p.core.NewMultipartUpload(p.Context(), probed, "copy", minio.PutObjectOptions{})
	p.must(err)
	part, err := p.core.CopyObjectPart(p.Context(), probed, "source", probed, "copy", id, 1, 2, 5, nil)
	return p.ask(err) && part.ETag != ""
}

func (p probe) listUploads() bool {
	id, err := p.core.NewMultipartUpload(p.Context(), probed, "unfinished", minio.PutObjectOptions{})
	p.must(err)
	page, err := p.core.ListMultipartUploads(p.Context(), probed, "unfinished", "", "", "", 10)
	return p.ask(err) && slices.ContainsFunc(page.Uploads, func(u minio.ObjectMultipartInfo) bool { return u.UploadID == id })
}

func (p probe) startAfter() bool {
	for _, key := range []string{"list/a", "list/b", "list/c"} {
		p.must(p.put(key, "x", minio.PutObjectOptions{}))
	}
	page, err := p.core.ListObjectsV2(probed, "list/", "list/aa", "", "", 10)
	return p.ask(err) && len(page.Contents) == 2
}

// checkDigest sends a body whose SHA-256 is not the one that was signed.
func (p probe) checkDigest() bool {
	sum := sha256.Sum256([]byte("other"))
	opts := minio.PutObjectOptions{DisableContentSha256: true}
	_, err := p.core.PutObject(p.Context(), probed, "digest", strings.NewReader("first"), 5, "", hex.EncodeToString(sum[:]), opts)
	return !p.ask(err)
}

func (p probe) checkRegion() bool {
	_, err := client(p.T, p.server, "eu-north-7").StatObject(p.Context(), probed, "taken", minio.StatObjectOptions{})
	return !p.ask(err)
}
