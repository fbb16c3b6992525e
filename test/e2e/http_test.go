package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"holdfast/test/program"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// client is an S3 client that never tries twice, so that what it is told is seen.
type client struct {
	*minio.Client
	t testing.TB
}

func (n *node) client(key credential) *client {
	n.T.Helper()
	return newClient(n.T, n.s3, "holdfast", key)
}

func newClient(t testing.TB, url, region string, key credential) *client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 32}
	c, err := minio.New(strings.TrimPrefix(url, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(key.ID, key.Secret, ""), Region: region, MaxRetries: 1, Transport: transport,
		BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{c, t}
}

// put stores a text.
func (c *client) put(bucket, key, text string) {
	c.t.Helper()
	if err := c.tryPut(bucket, key, text); err != nil {
		c.t.Fatalf("put %s/%s: %v", bucket, key, err)
	}
}

func (c *client) tryPut(bucket, key, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), program.CallLimit)
	defer cancel()
	_, err := c.PutObject(ctx, bucket, key, strings.NewReader(text), int64(len(text)),
		minio.PutObjectOptions{ContentType: "text/plain", DisableMultipart: true})
	return err
}

// get returns what a key holds, or S3's error.
func (c *client) get(bucket, key string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), program.CallLimit)
	defer cancel()
	o, err := c.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", err
	}
	defer o.Close()
	text, err := io.ReadAll(o)
	return string(text), err
}

// want fails unless a key holds the text.
func (c *client) want(bucket, key, text string) {
	c.t.Helper()
	got, err := c.get(bucket, key)
	if err != nil || got != text {
		c.t.Errorf("%s/%s holds %.80q (%v), want %.80q", bucket, key, got, err, text)
	}
}

// code returns the S3 code and the status of an error.
func code(err error) (string, int) {
	var r minio.ErrorResponse
	if errors.As(err, &r) {
		return r.Code, r.StatusCode
	}
	return fmt.Sprint(err), 0
}

// fetch gets a URL and returns status, headers and body.
func fetch(t testing.TB, url string) (int, http.Header, string) {
	t.Helper()
	status, header, body, err := tryFetch(url)
	if err != nil {
		t.Fatal(err)
	}
	return status, header, body
}

func tryFetch(url string) (int, http.Header, string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), program.CallLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, "", err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer res.Body.Close()
	var body bytes.Buffer
	_, err = body.ReadFrom(res.Body)
	return res.StatusCode, res.Header, body.String(), err
}

// status returns an error unless a URL answers with a status.
func wantStatus(url string, want int) error {
	got, _, body, err := tryFetch(url)
	if err == nil && got != want {
		err = fmt.Errorf("status %d, want %d; the answer is %.200q", got, want, body)
	}
	return err
}
