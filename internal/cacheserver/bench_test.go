package cacheserver_test

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/cacheserver"
)

// cpu returns the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBesideRedis runs redis-benchmark, with and without pipelines, against this process and a real Redis: requests in
// a second, and processor time of the server for each.
func BenchmarkBesideRedis(b *testing.B) {
	bench, err := exec.LookPath("redis-benchmark")
	if err != nil {
		b.Fatal("redis-benchmark is missing: apt-get install redis-tools")
	}
	_, c := start(b, func(c *cacheserver.Config) { c.Listen = "" })
	theirs := redisServer(b)
	used := func(socket string) time.Duration {
		if socket == c.Socket {
			return cpu()
		}
		p := dial(b, "unix", socket)
		var total float64
		for line := range strings.Lines(p.do("INFO", "cpu")) {
			var seconds float64
			for _, name := range []string{"used_cpu_sys:%f", "used_cpu_user:%f"} {
				if n, _ := fmt.Sscanf(line, name, &seconds); n == 1 {
					total += seconds
				}
			}
		}
		return time.Duration(total * float64(time.Second))
	}
	for _, run := range []struct{ name, pipeline, test string }{{"get", "1", "get"}, {"set", "1", "set"}, {"get/pipelined", "16", "get"}, {"set/pipelined", "16", "set"}} {
		for _, server := range []struct{ name, socket string }{{"holdfast", c.Socket}, {"redis", theirs}} {
			b.Run(run.name+"/"+server.name, func(b *testing.B) {
				before, began := used(server.socket), time.Now()
				out, err := exec.Command(bench, "-s", server.socket, "-q", "-n", fmt.Sprint(max(b.N, 1000)), "-c", "50", "-P", run.pipeline, "-t", run.test, "-r", "10000", "-d", "200").CombinedOutput()
				if err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				n := float64(max(b.N, 1000))
				b.ReportMetric(n/time.Since(began).Seconds(), "requests/s")
				b.ReportMetric(float64((used(server.socket)-before).Microseconds())/n, "cpu-us/request")
			})
		}
	}
}
