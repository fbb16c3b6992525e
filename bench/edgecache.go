package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// store is a server that speaks the commands of Redis.
type store struct {
	*server
	args []string // by which redis-benchmark reaches it
}

// storeLoad is one kind of work for redis-benchmark.
type storeLoad struct {
	command  string
	clients  int
	pipeline int
}

func storeLoads() []storeLoad {
	return []storeLoad{{"set", 50, 1}, {"get", 50, 1}, {"set", 50, 16}, {"get", 50, 16}}
}

func (o storeLoad) String() string {
	if o.pipeline == 1 {
		return strings.ToUpper(o.command)
	}
	return fmt.Sprintf("%s, %d in a pipeline", strings.ToUpper(o.command), o.pipeline)
}

// valueSize and keyCount are what redis-benchmark stores: 100 bytes under each of ten thousand keys.
const (
	valueSize = 100
	keyCount  = 10_000
)

// stores are Holdfast's cache and Redis without its files.
func (b *bench) stores(ctx context.Context, dir string, h *holdfast) ([]store, error) {
	vars, err := h.environment(ctx)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(vars["REDIS_URL"])
	if err != nil || at.Port() == "" {
		return nil, fmt.Errorf("holdfast env says REDIS_URL=%q: %w", vars["REDIS_URL"], err)
	}
	password, _ := at.User.Password()
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addr)
	p, err := run(dir, "redis", addr, nil, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
	if err != nil {
		return nil, fmt.Errorf("%w (make deps)", err)
	}
	return []store{
		{&server{name: "Holdfast", alone: true, process: h.process}, []string{"-p", at.Port(), "-a", password}},
		{&server{name: "Redis", process: p}, []string{"-p", port}},
	}, nil
}

// measure has redis-benchmark do the order for about as long as a part.
func (o storeLoad) measure(ctx context.Context, b *bench, s store) (sample, error) {
	n := int(b.part().Seconds()*60_000) * min(8, o.pipeline)
	before, err := s.spent()
	if err != nil {
		return sample{}, err
	}
	out, err := output(ctx, "redis-benchmark", append([]string{
		"-h", "127.0.0.1", "-t", o.command, "-n", strconv.Itoa(n), "-c", strconv.Itoa(o.clients), "-P", strconv.Itoa(o.pipeline),
		"-d", strconv.Itoa(valueSize), "-r", strconv.Itoa(keyCount), "--precision", "3", "--csv",
	}, s.args...)...)
	if err != nil {
		return sample{}, err
	}
	after, err := s.spent()
	if err != nil {
		return sample{}, err
	}
	got, err := readRedis(out, o.command)
	got.cpu = float64((after - before).Nanoseconds()) / 1e3 / float64(n)
	return got, err
}

// readRedis reads the CSV of redis-benchmark, whose latencies are in milliseconds.
func readRedis(out, command string) (s sample, err error) {
	r := csv.NewReader(strings.NewReader(out))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		return s, fmt.Errorf("redis-benchmark wrote %q: %w", out, err)
	}
	head, row := rows[0], rows[len(rows)-1]
	if !strings.EqualFold(row[0], command) {
		return s, fmt.Errorf("redis-benchmark measured %q", row[0])
	}
	for i, name := range head {
		v, _ := strconv.ParseFloat(row[min(i, len(row)-1)], 64) // the name of the test is none
		switch name {
		case "rps":
			s.tps = v
		case "p50_latency_ms":
			s.p50 = v * 1e3
		case "p99_latency_ms":
			s.p99 = v * 1e3
		}
	}
	if s.tps == 0 {
		return s, fmt.Errorf("no rate in %q", out)
	}
	return s, nil
}
