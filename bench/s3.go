package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	bucketName = "bench"
	workers    = 16
	listed     = 1000
)

// target is an S3 server under measurement.
type target struct {
	name    string
	process *process
	client  *minio.Client
}

func newTarget(name string, p *process, addr, id, secret, region string) (*target, error) {
	c, err := minio.New(addr, &minio.Options{Creds: credentials.NewStaticV4(id, secret, ""), Region: region, MaxRetries: 1})
	if err != nil {
		return nil, err
	}
	return &target{name, p, c}, nil
}

// operation is one kind of work; each call does it once.
type operation struct {
	name    string
	bar     float64 // of the rate beside versitygw's; 0: none
	workers int
	large   bool // counted in MB/s instead of requests per second
	size    int64
	do      func(ctx context.Context, t *target, n int64) error
}

func operations() []operation {
	small, mid, big := noise(4_000), noise(16_000), noise(64_000_000)
	return []operation{
		{"PUT 4 KB", 1.5, workers, false, 4_000, put(small, "small")},
		{"PUT 16 KB", 0, workers, false, 16_000, put(mid, "mid")},
		{"GET 4 KB", 1.5, workers, false, 4_000, get("small/0")},
		{"GET 16 KB", 0, workers, false, 16_000, get("mid/0")},
		{"HEAD", 0, workers, false, 0, head},
		{"LIST 1000 keys", 0, 4, false, 0, list},
		{"PUT 64 MB", 1, 2, true, 64_000_000, put(big, "big")},
		{"PUT 64 MB in parts", 1, 2, true, 64_000_000, putParts(big, "parts")},
		{"GET 64 MB", 1, 2, true, 64_000_000, get("big/0")},
	}
}

func put(data []byte, prefix string) func(context.Context, *target, int64) error {
	return func(ctx context.Context, t *target, n int64) error {
		if len(data) > 1<<20 {
			n %= 8 // large objects replace each other, or the disk would fill
		}
		_, err := t.client.PutObject(ctx, bucketName, fmt.Sprintf("%s/%d", prefix, n), bytes.NewReader(data), int64(len(data)),
			minio.PutObjectOptions{DisableMultipart: true})
		return err
	}
}

// putParts is a multipart upload as the client does it by itself: parts of 16 MiB, four at a time.
func putParts(data []byte, prefix string) func(context.Context, *target, int64) error {
	return func(ctx context.Context, t *target, n int64) error {
		_, err := t.client.PutObject(ctx, bucketName, fmt.Sprintf("%s/%d", prefix, n%8), bytes.NewReader(data), int64(len(data)),
			minio.PutObjectOptions{})
		return err
	}
}

func get(key string) func(context.Context, *target, int64) error {
	return func(ctx context.Context, t *target, _ int64) error {
		o, err := t.client.GetObject(ctx, bucketName, key, minio.GetObjectOptions{})
		if err != nil {
			return err
		}
		defer o.Close()
		_, err = io.Copy(io.Discard, o)
		return err
	}
}

func head(ctx context.Context, t *target, _ int64) error {
	_, err := t.client.StatObject(ctx, bucketName, "small/0", minio.StatObjectOptions{})
	return err
}

func list(ctx context.Context, t *target, _ int64) error {
	n := 0
	for o := range t.client.ListObjects(ctx, bucketName, minio.ListObjectsOptions{Prefix: "list/", Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		n++
	}
	if n != listed {
		return fmt.Errorf("%d keys listed, want %d", n, listed)
	}
	return nil
}

// figure is one measurement: how often a second the work was done, and the server's processor time for each.
type figure struct {
	rate float64
	cpu  time.Duration
}

// measure does the operation for the span.
func (o operation) measure(ctx context.Context, t *target, span time.Duration, serial *atomic.Int64) (figure, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var done atomic.Int64
	var first error
	var once sync.Once
	var wg sync.WaitGroup
	began, before := time.Now(), t.process.cpu()
	for range o.workers {
		wg.Go(func() {
			for time.Since(began) < span && ctx.Err() == nil {
				if err := o.do(ctx, t, serial.Add(1)-1); err != nil {
					once.Do(func() { first = fmt.Errorf("%s on %s: %w", o.name, t.name, err); cancel() })
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	n := max(done.Load(), 1)
	return figure{float64(n) / time.Since(began).Seconds(), (t.process.cpu() - before) / time.Duration(n)}, first
}

// benchS3 measures the S3 endpoint beside its peers, one unmodified client against all.
func (b *bench) benchS3(ctx context.Context) error {
	targets, err := b.targets(ctx)
	if err != nil {
		return err
	}
	defer func() {
		for _, t := range targets[1:] {
			t.process.stop()
		}
	}()
	for _, t := range targets {
		if err := prepare(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	tbl := table{
		title: "S3 endpoint beside its peers",
		note: fmt.Sprintf("minio-go over HTTP, %d workers (2 for 64 MB, 4 for LIST), %s for each figure, %d rounds in turn. "+
			"In brackets the server's processor time for one request, its PostgreSQL included. "+
			"Holdfast answers a PUT when object and row are on disk (fsync); the peers answer from the page cache.", workers, b.span, b.rounds),
		head: []string{"operation", "Holdfast", "versitygw", "rclone", "Holdfast / versitygw", "bar"},
	}
	for _, o := range operations() {
		figures, err := b.measure(ctx, o, targets)
		if err != nil {
			return err
		}
		cells := []string{o.name}
		for _, f := range figures {
			cells = append(cells, o.format(median(f.rates), median(f.cpus)))
		}
		times, bar := figures[0].rates.over(figures[1].rates), ""
		if o.bar > 0 {
			bar = b.report.verdict(o.name, times, o.bar, true)
		}
		tbl.add(append(cells, ratio(times), bar)...)
	}
	tbl.foot = "Peak memory:"
	for _, t := range targets {
		own, children := t.process.memory()
		tbl.foot += fmt.Sprintf(" %s %d MB", t.name, own)
		if children > 0 {
			tbl.foot += fmt.Sprintf(" (and its private PostgreSQL %d MB)", children)
		}
		tbl.foot += ";"
	}
	b.report.add(tbl)
	return nil
}

// format prints the rate, and behind it the processor time for one request, in microseconds.
func (o operation) format(perSecond, cpu float64) string {
	if o.large {
		return fmt.Sprintf("%.0f MB/s", perSecond*float64(o.size)/1e6)
	}
	return fmt.Sprintf("%.0f/s (%.0f µs)", perSecond, cpu)
}

// figures are the measurements of one program in the order of the rounds.
type figures struct{ rates, cpus series }

func (b *bench) measure(ctx context.Context, o operation, targets []*target) ([]figures, error) {
	all := make([]figures, len(targets))
	serials := make([]atomic.Int64, len(targets))
	for i := range serials {
		serials[i].Store(1) // 0 is what GET and HEAD read
	}
	for range b.rounds {
		for i, t := range targets {
			f, err := o.measure(ctx, t, b.span, &serials[i])
			if err != nil {
				return nil, err
			}
			cpu := float64(f.cpu.Microseconds())
			b.progress("%-16s %-10s %s", o.name, t.name, o.format(f.rate, cpu))
			all[i].rates = append(all[i].rates, f.rate)
			all[i].cpus = append(all[i].cpus, cpu)
		}
	}
	return all, nil
}

// prepare makes the bucket and what is read from it.
func prepare(ctx context.Context, t *target) error {
	ok, err := t.client.BucketExists(ctx, bucketName)
	if err == nil && !ok {
		err = t.client.MakeBucket(ctx, bucketName, minio.MakeBucketOptions{})
	}
	if err != nil {
		return err
	}
	var all []error
	for prefix, n := range map[string]int64{"small": 4_000, "mid": 16_000, "big": 64_000_000} {
		all = append(all, put(noise(n), prefix)(ctx, t, 0))
	}
	for i := range int64(listed) {
		all = append(all, put([]byte("x"), "list")(ctx, t, i))
	}
	return errors.Join(all...)
}
