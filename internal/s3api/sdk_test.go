package s3api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"holdfast/internal/objects"
	"holdfast/internal/s3api/s3apitest"
)

func awsClient(e *s3apitest.Endpoint) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &e.URL, UsePathStyle: true, Region: e.Region, RetryMaxAttempts: 1,
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, // what the SDK's configuration loader sets
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		Credentials:                credentials.NewStaticCredentialsProvider(e.Key.ID, e.Key.Secret.Reveal(), ""),
	})
}

// must returns the answer of a call that may not fail.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused fails the test unless the error has the code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

// S0-30, S0-37: the AWS SDK for Go over every operation on objects.
func TestAWSSDKForGoStoresReadsCopiesAndDeletes(t *testing.T) {
	t.Parallel()
	s3apitest.OverStores(t, s3apitest.Options{}, sdkObjects)
}

func sdkObjects(t *testing.T, e *s3apitest.Endpoint, _ string) {
	t.Helper()
	c, ctx, bucket := awsClient(e), t.Context(), aws.String("sdk")
	must[*s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	key := aws.String("a/b ä+&.txt")
	put := must[*s3.PutObjectOutput](t)(c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: bucket, Key: key, Body: strings.NewReader("hello"), ContentType: aws.String("text/plain"),
		Metadata: map[string]string{"color": "red"}, Tagging: aws.String("a=b"), CacheControl: aws.String("max-age=60"),
	}))
	got := must[*s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled}))
	body, _ := io.ReadAll(got.Body)
	if string(body) != "hello" || *got.ETag != *put.ETag || got.Metadata["color"] != "red" || *got.ContentType != "text/plain" ||
		*got.CacheControl != "max-age=60" || *got.TagCount != 1 || *got.ChecksumCRC32 != *put.ChecksumCRC32 {
		t.Errorf("%q %+v", body, got)
	}
	_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, IfMatch: aws.String(`"other"`)})
	refused(t, err, "PreconditionFailed")
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	refused(t, err, "PreconditionFailed")

	must[*s3.CopyObjectOutput](t)(c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("sdk/a/b%20%C3%A4%2B%26.txt"),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"color": "blue"},
	}))
	head := must[*s3.HeadObjectOutput](t)(c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("copy")}))
	if head.Metadata["color"] != "blue" || *head.ContentLength != 5 || *head.TagCount != 1 {
		t.Errorf("copy %+v", head)
	}
	attributes := must[*s3.GetObjectAttributesOutput](t)(c.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{
		Bucket: bucket, Key: key, ObjectAttributes: []types.ObjectAttributes{types.ObjectAttributesEtag, types.ObjectAttributesObjectSize, types.ObjectAttributesChecksum},
	}))
	if *attributes.ObjectSize != 5 || `"`+*attributes.ETag+`"` != *put.ETag || *attributes.Checksum.ChecksumCRC32 != *put.ChecksumCRC32 {
		t.Errorf("attributes %+v", attributes)
	}
	gone := must[*s3.DeleteObjectsOutput](t)(c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{
		Objects: []types.ObjectIdentifier{{Key: key}, {Key: aws.String("copy")}, {Key: aws.String("never")}},
	}}))
	if len(gone.Deleted) != 3 || len(gone.Errors) != 0 {
		t.Errorf("deleted %+v", gone)
	}
	must[*s3.DeleteBucketOutput](t)(c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}))
}

// S0-30: uploads in parts, with checksums, copies of ranges and part numbers.
func TestAWSSDKForGoUploadsInParts(t *testing.T) {
	t.Parallel()
	s3apitest.OverStores(t, s3apitest.Options{Index: func(c *objects.Config) { c.MinPartSize = 1000 }}, sdkParts)
}

func sdkParts(t *testing.T, e *s3apitest.Endpoint, _ string) {
	t.Helper()
	c, ctx, bucket, key := awsClient(e), t.Context(), aws.String("parts"), aws.String("joined")
	must[*s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	must[*s3.PutObjectOutput](t)(c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("src"), Body: strings.NewReader(pattern(5000))}))
	up := must[*s3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: bucket, Key: key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, Metadata: map[string]string{"a": "b"},
	}))
	one := must[*s3.UploadPartOutput](t)(c.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader(pattern(3000)), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	}))
	two := must[*s3.UploadPartCopyOutput](t)(c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: bucket, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(7), CopySource: aws.String("parts/src"), CopySourceRange: aws.String("bytes=16-1015"),
	}))
	list := must[*s3.ListPartsOutput](t)(c.ListParts(ctx, &s3.ListPartsInput{Bucket: bucket, Key: key, UploadId: up.UploadId}))
	if len(list.Parts) != 2 || *list.Parts[1].Size != 1000 || *list.Parts[1].PartNumber != 7 {
		t.Errorf("parts %+v", list.Parts)
	}
	uploads := must[*s3.ListMultipartUploadsOutput](t)(c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: bucket}))
	if len(uploads.Uploads) != 1 || *uploads.Uploads[0].UploadId != *up.UploadId {
		t.Errorf("uploads %+v", uploads.Uploads)
	}
	complete := &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{
		{PartNumber: aws.Int32(1), ETag: one.ETag, ChecksumCRC32: one.ChecksumCRC32},
		{PartNumber: aws.Int32(7), ETag: two.CopyPartResult.ETag, ChecksumCRC32: two.CopyPartResult.ChecksumCRC32},
	}}}
	done := must[*s3.CompleteMultipartUploadOutput](t)(c.CompleteMultipartUpload(ctx, complete))
	again := must[*s3.CompleteMultipartUploadOutput](t)(c.CompleteMultipartUpload(ctx, complete))
	if !strings.HasSuffix(*done.ETag, `-2"`) || *again.ETag != *done.ETag || !strings.HasSuffix(*done.ChecksumCRC32, "-2") {
		t.Errorf("completed as %+v, then %+v", done, again)
	}
	got := must[*s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key}))
	body, _ := io.ReadAll(got.Body)
	if string(body) != pattern(3000)+pattern(1016)[16:] || got.Metadata["a"] != "b" {
		t.Errorf("%d bytes, metadata %v", len(body), got.Metadata)
	}
	part := must[*s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, PartNumber: aws.Int32(2)}))
	body, _ = io.ReadAll(part.Body)
	if string(body) != pattern(1016)[16:] || *part.PartsCount != 2 || *part.ContentRange != "bytes 3000-3999/4000" {
		t.Errorf("part 2: %d bytes, %+v", len(body), part)
	}
	other := must[*s3.CreateMultipartUploadOutput](t)(c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key}))
	must[*s3.AbortMultipartUploadOutput](t)(c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: other.UploadId}))
	_, err := c.ListParts(ctx, &s3.ListPartsInput{Bucket: bucket, Key: key, UploadId: other.UploadId})
	refused(t, err, "NoSuchUpload")
}

// The settings of a bucket, and listings of every kind.
func TestAWSSDKForGoListsAndSetsBuckets(t *testing.T) {
	t.Parallel()
	s3apitest.OverStores(t, s3apitest.Options{}, sdkBuckets)
}

func sdkBuckets(t *testing.T, e *s3apitest.Endpoint, _ string) {
	t.Helper()
	c, ctx, bucket := awsClient(e), t.Context(), aws.String("settings")
	must[*s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	for _, key := range []string{"a", "b/1", "b/2", "c"} {
		must[*s3.PutObjectOutput](t)(c.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader(key)}))
	}
	v1 := must[*s3.ListObjectsOutput](t)(c.ListObjects(ctx, &s3.ListObjectsInput{Bucket: bucket, Delimiter: aws.String("/"), MaxKeys: aws.Int32(2)}))
	if len(v1.Contents) != 1 || len(v1.CommonPrefixes) != 1 || !*v1.IsTruncated {
		t.Errorf("first page %+v", v1)
	}
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(3), FetchOwner: aws.Bool(true)})
	var keys []string
	for pages.HasMorePages() {
		page := must[*s3.ListObjectsV2Output](t)(pages.NextPage(ctx))
		for _, o := range page.Contents {
			keys = append(keys, *o.Key)
			if *o.Owner.ID != e.Key.ID {
				t.Errorf("owner %s", *o.Owner.ID)
			}
		}
	}
	if strings.Join(keys, " ") != "a b/1 b/2 c" {
		t.Errorf("keys %q", keys)
	}
	must[*s3.PutBucketVersioningOutput](t)(c.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}))
	must[*s3.DeleteObjectOutput](t)(c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: aws.String("a")}))
	versions := must[*s3.ListObjectVersionsOutput](t)(c.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket, Prefix: aws.String("a")}))
	if len(versions.Versions) != 1 || len(versions.DeleteMarkers) != 1 || *versions.Versions[0].VersionId != "null" {
		t.Errorf("versions %+v", versions)
	}
	must[*s3.PutBucketTaggingOutput](t)(c.PutBucketTagging(ctx, &s3.PutBucketTaggingInput{Bucket: bucket, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}}}))
	if tags := must[*s3.GetBucketTaggingOutput](t)(c.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: bucket})); len(tags.TagSet) != 1 {
		t.Errorf("tags %+v", tags)
	}
	must[*s3.PutBucketAclOutput](t)(c.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: bucket, ACL: types.BucketCannedACLPublicRead}))
	res, err := getPlain(ctx, e.URL+"/settings/c")
	if err != nil || res != http.StatusOK {
		t.Errorf("a public object: %d %v", res, err)
	}
	location := must[*s3.GetBucketLocationOutput](t)(c.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: bucket}))
	if string(location.LocationConstraint) != "holdfast" {
		t.Errorf("location %q", location.LocationConstraint)
	}
	buckets := must[*s3.ListBucketsOutput](t)(c.ListBuckets(ctx, &s3.ListBucketsInput{}))
	if len(buckets.Buckets) != 1 || time.Since(*buckets.Buckets[0].CreationDate) > time.Minute {
		t.Errorf("buckets %+v", buckets.Buckets)
	}
}

func getPlain(ctx context.Context, url string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// Presigned requests of the SDK: every method has its own link.
func TestAWSSDKForGoPresigns(t *testing.T) {
	t.Parallel()
	s3apitest.OverStores(t, s3apitest.Options{}, sdkPresigns)
}

func sdkPresigns(t *testing.T, e *s3apitest.Endpoint, _ string) {
	t.Helper()
	c, ctx, bucket := awsClient(e), t.Context(), aws.String("links")
	must[*s3.CreateBucketOutput](t)(c.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	p := s3.NewPresignClient(c)
	put, err := p.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	raw := newClient(t, e)
	raw.open(put.Method, put.URL, "linked").want(t, http.StatusOK, "")
	raw.open(http.MethodGet, put.URL, "").want(t, http.StatusForbidden, "SignatureDoesNotMatch")
	get, err := p.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("k"), ResponseContentDisposition: aws.String(`attachment; filename="x"`)})
	if err != nil {
		t.Fatal(err)
	}
	a := raw.open(get.Method, get.URL, "")
	if a.body != "linked" || a.header.Get("Content-Disposition") != `attachment; filename="x"` {
		t.Errorf("%+v", a)
	}
	form, err := p.PresignPostObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("posted")})
	if err != nil {
		t.Fatal(err)
	}
	raw.postForm("/links", form.Values, "f.txt", "by form").want(t, http.StatusNoContent, "")
	got := must[*s3.GetObjectOutput](t)(c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("posted")}))
	var b bytes.Buffer
	if _, err := b.ReadFrom(got.Body); err != nil || b.String() != "by form" {
		t.Errorf("%q %v", b.String(), err)
	}
}

// The longest list that S3 allows: 10000 parts with the longest checksums.
func TestTheLongestListOfPartsIsRead(t *testing.T) {
	t.Parallel()
	e := s3apitest.Start(t, s3apitest.Options{})
	c := newClient(t, e)
	c.mustBucket("bkt")
	id := c.do("POST", "/bkt/k?uploads", "", "X-Amz-Checksum-Algorithm: SHA512").element("UploadId")
	var doc strings.Builder
	doc.WriteString("<CompleteMultipartUpload>")
	sum := strings.Repeat("A", 86) + "=="
	for n := 1; n <= 10000; n++ {
		fmt.Fprintf(&doc, "<Part><ChecksumSHA512>%s</ChecksumSHA512><ETag>&quot;%032x&quot;</ETag><PartNumber>%d</PartNumber></Part>", sum, n, n)
	}
	doc.WriteString("</CompleteMultipartUpload>")
	c.do("POST", "/bkt/k?uploadId="+id, doc.String()).want(t, 400, "InvalidPart")
}
