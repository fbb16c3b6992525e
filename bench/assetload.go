package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func processors() int { return runtime.NumCPU() }

// The line of the seed that this room repeats, but for the address.
const (
	heyClients  = 50
	heyRequests = 5000
)

func heyLine() []string {
	return []string{"hey", "-c", strconv.Itoa(heyClients), "-n", strconv.Itoa(heyRequests), "-o", "csv", "-disable-keepalive"}
}

// packed has hey leave the answers packed. Without it hey asks for gzip as well and unpacks, which takes more than all servers do.
func packed() []string { return []string{"-H", "Accept-Encoding: gzip"} }

// hey runs the line against a path, and returns the sample and every latency in milliseconds.
func (s *server) hey(ctx context.Context, path string, more ...string) (sample, []float64, error) {
	before, err := s.spent()
	if err != nil {
		return sample{}, nil, err
	}
	line := heyLine()
	cmd := exec.CommandContext(ctx, line[0], append(append(line[1:], more...), "http://"+s.addr+path)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return sample{}, nil, fmt.Errorf("hey: %w (make deps)\n%s", err, said.String())
	}
	after, err := s.spent()
	if err != nil {
		return sample{}, nil, err
	}
	took, ends, err := readHey(out)
	if err != nil {
		return sample{}, nil, fmt.Errorf("hey at %s: %w", s.name, err)
	}
	n := float64(len(took))
	return sample{tps: n / ends, cpu: float64((after - before).Nanoseconds()) / 1e3 / n, p50: at(took, 0.5) * 1e3, p99: at(took, 0.99) * 1e3}, took, nil
}

// readHey reads the CSV of hey: latencies in milliseconds, and the second at which the last answer was there.
func readHey(text []byte) (took []float64, ends float64, err error) {
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, 0, err
	}
	if len(rows) != heyRequests+1 || len(rows[0]) < 8 || rows[0][0] != "response-time" || rows[0][6] != "status-code" || rows[0][7] != "offset" {
		return nil, 0, fmt.Errorf("%d lines of %d, of %.200s", len(rows), heyRequests+1, text)
	}
	for _, r := range rows[1:] {
		seconds, err1 := strconv.ParseFloat(r[0], 64)
		offset, err2 := strconv.ParseFloat(r[7], 64)
		if r[6] != "200" || err1 != nil || err2 != nil {
			return nil, 0, fmt.Errorf("a line is %v", r)
		}
		took = append(took, seconds*1e3)
		ends = max(ends, offset+seconds)
	}
	return took, ends, nil
}

// wrk loads a path with so many connections. Fields are further ones of the request, as "Name: value".
func (s *server) wrk(ctx context.Context, span time.Duration, connections int, path string, fields ...string) (sample, error) {
	before, err := s.spent()
	if err != nil {
		return sample{}, err
	}
	args := []string{"-t1", "-c" + strconv.Itoa(connections), "-d" + seconds(span), "--latency", "--timeout", "30s"}
	for _, f := range fields {
		args = append(args, "-H", f)
	}
	out, err := output(ctx, "wrk", append(args, "http://"+s.addr+path)...)
	if err != nil {
		return sample{}, err
	}
	after, err := s.spent()
	if err != nil {
		return sample{}, err
	}
	got, n, err := readWrk(out)
	if err != nil {
		return sample{}, fmt.Errorf("wrk at %s: %w", s.name, err)
	}
	got.cpu = float64((after - before).Nanoseconds()) / 1e3 / n
	return got, nil
}

// seconds writes a span for wrk, which knows whole ones only.
func seconds(span time.Duration) string {
	return strconv.Itoa(max(1, int(span.Round(time.Second).Seconds()))) + "s"
}

// readWrk reads rate and latencies, and how many requests there were. An answer that is no success spoils the run.
func readWrk(out string) (s sample, n float64, err error) {
	find := func(pattern string) float64 {
		m := regexp.MustCompile(pattern).FindStringSubmatch(out)
		if m == nil {
			err = fmt.Errorf("no %q in:\n%s", pattern, out)
			return 0
		}
		v, _ := strconv.ParseFloat(m[1], 64) // the patterns hold numbers only
		if len(m) > 2 {
			v *= map[string]float64{"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}[m[2]]
		}
		return v
	}
	s.tps, n = find(`Requests/sec:\s+([0-9.]+)`), find(`(\d+) requests in `)
	s.p50, s.p99 = find(`50%\s+([0-9.]+)(us|ms|s|m)`), find(`99%\s+([0-9.]+)(us|ms|s|m)`)
	if err == nil && (strings.Contains(out, "Non-2xx") || strings.Contains(out, "Socket errors") || n == 0) {
		err = fmt.Errorf("not all were answered:\n%s", out)
	}
	return s, n, err
}
