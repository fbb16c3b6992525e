package s3api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/cors"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/tags"

	"holdfast/internal/s3api/s3apitest"
)

func minioClient(t *testing.T, e *s3apitest.Endpoint) *minio.Client {
	t.Helper()
	c, err := minio.New(strings.TrimPrefix(e.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(e.Key.ID, e.Key.Secret.Reveal(), ""),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// S0-30, S0-37: minio-go, which signs every chunk of a body over plain HTTP, finds the region itself and uploads streams
// of unknown length in parts.
func TestMinioGoOverEveryOperation(t *testing.T) {
	t.Parallel()
	s3apitest.OverStores(t, s3apitest.Options{}, minioOperations)
}

func minioOperations(t *testing.T, e *s3apitest.Endpoint, _ string) {
	t.Helper()
	c, ctx := minioClient(t, e), t.Context()
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	check("make bucket", c.MakeBucket(ctx, "minio", minio.MakeBucketOptions{}))
	if ok, err := c.BucketExists(ctx, "minio"); err != nil || !ok {
		t.Errorf("exists: %v %v", ok, err)
	}
	data := pattern(200_000)
	info, err := c.PutObject(ctx, "minio", "dir/known", strings.NewReader(data), int64(len(data)), minio.PutObjectOptions{
		ContentType: "text/plain", UserMetadata: map[string]string{"Color": "red"}, UserTags: map[string]string{"a": "b"},
	})
	check("put", err)
	stream := io.MultiReader(strings.NewReader(pattern(17<<20)), strings.NewReader("tail"))
	_, err = c.PutObject(ctx, "minio", "dir/stream", stream, -1, minio.PutObjectOptions{PartSize: 5 << 20})
	check("put stream", err)
	o, err := c.GetObject(ctx, "minio", "dir/known", minio.GetObjectOptions{})
	check("get", err)
	defer o.Close()
	got, err := io.ReadAll(o)
	check("read", err)
	if string(got) != data {
		t.Errorf("%d bytes came back", len(got))
	}
	stat, err := c.StatObject(ctx, "minio", "dir/stream", minio.StatObjectOptions{})
	check("stat", err)
	if stat.Size != 17<<20+4 || !strings.HasSuffix(stat.ETag, "-4") {
		t.Errorf("stat %+v", stat)
	}
	_, err = c.CopyObject(ctx, minio.CopyDestOptions{Bucket: "minio", Object: "copy"}, minio.CopySrcOptions{Bucket: "minio", Object: "dir/known", MatchETag: info.ETag})
	check("copy", err)
	_, err = c.ComposeObject(ctx, minio.CopyDestOptions{Bucket: "minio", Object: "composed"},
		minio.CopySrcOptions{Bucket: "minio", Object: "dir/stream"}, minio.CopySrcOptions{Bucket: "minio", Object: "copy"})
	check("compose", err)
	var keys []string
	for o := range c.ListObjects(ctx, "minio", minio.ListObjectsOptions{Recursive: true, MaxKeys: 2}) {
		check("list", o.Err)
		keys = append(keys, o.Key)
	}
	if strings.Join(keys, " ") != "composed copy dir/known dir/stream" {
		t.Errorf("keys %q", keys)
	}
}

// Tags, rules and versions through minio-go.
func TestMinioGoSetsBucketsAndCleansUpVersions(t *testing.T) {
	t.Parallel()
	s3apitest.OverStores(t, s3apitest.Options{}, minioBuckets)
}

func minioBuckets(t *testing.T, e *s3apitest.Endpoint, _ string) {
	t.Helper()
	c, ctx, raw := minioClient(t, e), t.Context(), newClient(t, e)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	raw.mustBucket("minio")
	raw.mustPut("/minio/dir/known", "x", "X-Amz-Tagging: a=b")
	raw.mustPut("/minio/copy", "x")
	tagged, err := c.GetObjectTagging(ctx, "minio", "dir/known", minio.GetObjectTaggingOptions{})
	check("tags", err)
	if tagged.ToMap()["a"] != "b" {
		t.Errorf("tags %v", tagged)
	}
	set, err := tags.MapToBucketTags(map[string]string{"x": "y"})
	check("bucket tags", err)
	check("set bucket tags", c.SetBucketTagging(ctx, "minio", set))
	check("set cors", c.SetBucketCors(ctx, "minio", cors.NewConfig([]cors.Rule{{AllowedOrigin: []string{"*"}, AllowedMethod: []string{"GET"}}})))
	check("versioning", c.EnableVersioning(ctx, "minio"))
	check("remove", c.RemoveObject(ctx, "minio", "copy", minio.RemoveObjectOptions{}))
	if _, err := c.StatObject(ctx, "minio", "copy", minio.StatObjectOptions{}); minio.ToErrorResponse(err).Code != "NoSuchKey" {
		t.Errorf("after removal: %v", err)
	}
	names := make(chan minio.ObjectInfo, 10)
	for o := range c.ListObjects(ctx, "minio", minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		check("list versions", o.Err)
		names <- o
	}
	close(names)
	for failed := range c.RemoveObjects(ctx, "minio", names, minio.RemoveObjectsOptions{}) {
		t.Errorf("remove %s: %v", failed.ObjectName, failed.Err)
	}
	check("remove bucket", c.RemoveBucket(ctx, "minio"))
}

// Links of minio-go, and its POST policies.
func TestMinioGoPresigns(t *testing.T) {
	t.Parallel()
	s3apitest.OverStores(t, s3apitest.Options{}, minioPresigns)
}

func minioPresigns(t *testing.T, e *s3apitest.Endpoint, _ string) {
	t.Helper()
	c, ctx, raw := minioClient(t, e), t.Context(), newClient(t, e)
	raw.mustBucket("links")
	put, err := c.PresignedPutObject(ctx, "links", "k", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	raw.open(http.MethodPut, put.String(), "linked").want(t, http.StatusOK, "")
	get, err := c.PresignedGetObject(ctx, "links", "k", time.Minute, url.Values{"response-content-type": {"text/plain"}})
	if err != nil {
		t.Fatal(err)
	}
	if a := raw.open(http.MethodGet, get.String(), ""); a.body != "linked" || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("%+v", a)
	}
	policy := minio.NewPostPolicy()
	for _, err := range []error{
		policy.SetBucket("links"), policy.SetKeyStartsWith("up/"), policy.SetExpires(time.Now().Add(time.Minute)), policy.SetContentLengthRange(1, 10),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, fields, err := c.PresignedPostPolicy(ctx, policy)
	if err != nil {
		t.Fatal(err)
	}
	fields["key"] = "up/${filename}"
	raw.postForm("/links", fields, "a.bin", "0123456789").want(t, http.StatusNoContent, "")
	raw.postForm("/links", fields, "b.bin", "01234567890").want(t, http.StatusBadRequest, "EntityTooLarge")
	fields["key"] = "down/x"
	raw.postForm("/links", fields, "c.bin", "0").want(t, http.StatusForbidden, "AccessDenied")
	raw.holds("links", "k", "up/a.bin")
	var b bytes.Buffer
	o, err := c.GetObject(ctx, "links", "up/a.bin", minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := b.ReadFrom(o); err != nil || b.String() != "0123456789" {
		t.Errorf("%q %v", b.String(), err)
	}
}
