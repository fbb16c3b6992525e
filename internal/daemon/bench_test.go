package daemon_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/daemon"
)

// benchClient makes the test binary the client of a benchmark: address, key id, secret, size and number of the objects.
const benchClient = "HOLDFAST_BENCH_CLIENT"

func TestMain(m *testing.M) {
	if order := os.Getenv(benchClient); order != "" {
		if err := putMany(context.Background(), strings.Fields(order)); err != nil {
			panic(err)
		}
		return
	}
	m.Run()
}

// benchPut writes through the whole of Holdfast on real disks, sixteen clients at once, in a process of their own. Besides the
// time it tells the processor time that one request costs us, and PostgreSQL: that means something on a busy machine as well.
func benchPut(b *testing.B, size int) {
	d := start(b, func(o *daemon.Options) { o.Log = discard{} }, "HOLDFAST_LOG__LEVEL=error", "HOLDFAST_FILES__BUCKETS__BENCH__MAX_SIZE=1GB")
	id, secret, err := d.NewKeyForTest(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), exe)
	host := strings.TrimPrefix(d.S3URL(), "http://")
	cmd.Env = append(os.Environ(), benchClient+"="+fmt.Sprintln(host, id, secret, size, b.N))
	cmd.Stderr = os.Stderr
	b.SetBytes(int64(size))
	own, pg := ownTime(b), postgresTime(b)
	b.ResetTimer()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64((ownTime(b)-own).Microseconds())/float64(b.N), "go-µs/op")
	b.ReportMetric(float64((postgresTime(b)-pg).Microseconds())/float64(b.N), "pg-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
}

func BenchmarkPut4KB(b *testing.B)  { benchPut(b, 4_000) }
func BenchmarkPut16KB(b *testing.B) { benchPut(b, 16_000) }
func BenchmarkPut1MB(b *testing.B)  { benchPut(b, 1_000_000) }
func BenchmarkPut64MB(b *testing.B) { benchPut(b, 64_000_000) }

// putMany is the client: args are those of benchClient.
func putMany(ctx context.Context, args []string) error {
	size, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	count, err := strconv.ParseInt(args[4], 10, 64)
	if err != nil {
		return err
	}
	c, err := minio.New(args[0], &minio.Options{Creds: credentials.NewStaticV4(args[1], args[2], ""), Region: "holdfast"})
	if err != nil {
		return err
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	var n atomic.Int64
	var all errgroup.Group
	for range 16 {
		all.Go(func() error {
			for i := n.Add(1); i <= count; i = n.Add(1) {
				_, err := c.PutObject(ctx, "bench", fmt.Sprintf("k/%d", i), bytes.NewReader(data), int64(len(data)),
					minio.PutObjectOptions{DisableMultipart: true})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return all.Wait()
}

// ownTime is the processor time that this process has used.
func ownTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// postgresTime is what our private server and its children have used, to the nanosecond (/proc/PID/schedstat of proc(5)). That of
// a child that has ended is lost; the pool's connections last longer than a benchmark.
func postgresTime(b *testing.B) (used time.Duration) {
	b.Helper()
	parents := map[int]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parents[pid], _ = strconv.Atoi(f[1])
	}
	for pid, parent := range parents {
		if parent != os.Getpid() && parents[parent] != os.Getpid() {
			continue
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		if err == nil {
			nanoseconds, _, _ := strings.Cut(string(text), " ")
			n, _ := strconv.ParseInt(nanoseconds, 10, 64)
			used += time.Duration(n)
		}
	}
	return used
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func clientOf(t testing.TB, d *daemon.Daemon) *minio.Client {
	t.Helper()
	id, secret, err := d.NewKeyForTest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(d.S3URL())
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(id, secret, ""), Region: "holdfast"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// BenchmarkLink4KB fetches a small file through its link, 32 kept-alive connections of a client that does next to
// nothing itself.
func BenchmarkLink4KB(b *testing.B) {
	d := start(b, func(o *daemon.Options) { o.Log = discard{} }, "HOLDFAST_LOG__LEVEL=error", "HOLDFAST_FILES__BUCKETS__BENCH__MAX_SIZE=1GB")
	data := bytes.Repeat([]byte("0123456789abcdef"), 256)
	_, err := clientOf(b, d).PutObject(b.Context(), "bench", "f", bytes.NewReader(data), int64(len(data)), minio.PutObjectOptions{})
	if err != nil {
		b.Fatal(err)
	}
	path, err := d.LinkForTest(b.Context(), "bench", "f")
	if err != nil {
		b.Fatal(err)
	}
	host := strings.TrimPrefix(d.EdgeURL(), "http://")
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		r := bufio.NewReaderSize(conn, 16<<10)
		for pb.Next() {
			if err := exchange(conn, r, request, len(data)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// exchange sends a request and reads an answer of the size.
func exchange(conn net.Conn, r *bufio.Reader, request []byte, size int) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	status, err := r.ReadSlice('\n')
	if err != nil || !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("answered %q, %w", status, err)
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err = r.Discard(size)
			return err
		}
	}
}
