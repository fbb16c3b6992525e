package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// farStore is an S3 service behind a proxy that counts what content moves, and adds to each request the time that a
// request to a service elsewhere takes.
type farStore struct {
	*httptest.Server
	client  *minio.Client
	process *process
	delay   atomic.Int64 // nanoseconds

	requests, puts, gets, up, down atomic.Int64 // of content, in bytes of bodies
}

const farBucket = "holdfast"

func (b *bench) startFarStore(ctx context.Context, dir string) (*farStore, error) {
	t, err := b.peer("versitygw", func(addr, data string) []string {
		return []string{"--port", addr, "--keep-alive", "--quiet", "--access", peerID, "--secret", peerSecret, "posix", data}
	})
	if err != nil {
		return nil, err
	}
	s := &farStore{process: t.process}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: t.client.EndpointURL().Host})
			r.Out.Host, r.Out.URL.RawQuery, r.Out.URL.RawPath = r.In.Host, r.In.URL.RawQuery, r.In.URL.RawPath // the signature covers them
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}
	forward.ModifyResponse = func(r *http.Response) error {
		if r.Request.Method == http.MethodGet && counts(r.Request) {
			s.down.Add(max(0, r.ContentLength))
		}
		return nil
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		if d := time.Duration(s.delay.Load()); d > 0 {
			time.Sleep(d)
		}
		forward.ServeHTTP(w, r)
	}))
	s.client, err = minio.New(strings.TrimPrefix(s.URL, "http://"), &minio.Options{
		Creds: credentials.NewStaticV4(peerID, peerSecret, ""), Region: "us-east-1",
	})
	if err == nil {
		err = s.client.MakeBucket(ctx, farBucket, minio.MakeBucketOptions{})
	}
	return s, err
}

func (s *farStore) stop() {
	s.Close()
	s.process.stop()
}

func counts(r *http.Request) bool { return strings.Contains(r.URL.Path, "/content/") }

func (s *farStore) note(r *http.Request) {
	if !counts(r) {
		return
	}
	s.requests.Add(1)
	switch r.Method {
	case http.MethodPut:
		s.puts.Add(1)
		s.up.Add(max(0, r.ContentLength))
	case http.MethodGet:
		s.gets.Add(1)
	}
}

// get reads an object through the proxy and returns how long it took.
func (s *farStore) get(ctx context.Context, key string) (time.Duration, []byte, error) {
	began := time.Now()
	o, err := s.client.GetObject(ctx, farBucket, key, minio.GetObjectOptions{})
	if err != nil {
		return 0, nil, err
	}
	defer o.Close()
	data, err := io.ReadAll(o)
	return time.Since(began), data, err
}

// put stores an object.
func (s *farStore) put(ctx context.Context, key string, data []byte) error {
	_, err := s.client.PutObject(ctx, farBucket, key, bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{DisableMultipart: true})
	return err
}
