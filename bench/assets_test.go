package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
)

// S3-12, S3-14: what hey writes is read to the last line, and a failure among the answers spoils the run.
func TestTheCSVOfHeyIsRead(t *testing.T) {
	t.Parallel()
	write := func(n int, status string) []byte {
		var b strings.Builder
		b.WriteString("response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n")
		for i := range n {
			fmt.Fprintf(&b, "%.4f,0.0001,0.0000,0.0000,0.0002,0.0001,%s,%.4f\n", float64(i%10+1)/1000, status, float64(i)/1000)
		}
		return []byte(b.String())
	}
	took, ends, err := readHey(write(heyRequests, "200"))
	if err != nil || len(took) != heyRequests || took[9] != 10 || math.Abs(ends-5.009) > 1e-9 {
		t.Errorf("%d latencies, the tenth %v, the end at %v: %v", len(took), took[9], ends, err)
	}
	for name, text := range map[string][]byte{"one is missing": write(heyRequests-1, "200"), "a failure": write(heyRequests, "503"), "no CSV": []byte("Usage")} {
		if _, _, err := readHey(text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheReportOfWrkIsRead(t *testing.T) {
	t.Parallel()
	const text = `  Latency Distribution
     50%  293.00us
     75%    1.10ms
     90%    1.90ms
     99%    1.02s
  81000 requests in 1.00s, 1.2GB read
Requests/sec:  81916.32
Transfer/sec:      3.1GB
`
	s, n, err := readWrk(text)
	if want := (sample{tps: 81916.32, p50: 293, p99: 1.02e6}); err != nil || n != 81000 || s != want {
		t.Errorf("%+v, %v requests, %v", s, n, err)
	}
	for _, wrong := range []string{"", text + "  Non-2xx or 3xx responses: 1\n", text + "  Socket errors: connect 0, read 1, write 0, timeout 0\n"} {
		if _, _, err := readWrk(wrong); err == nil {
			t.Errorf("no error: %s", wrong)
		}
	}
}

// S3-14: the drawing is whole, and has a curve of each server in both panels.
func TestTheDrawingIsWhole(t *testing.T) {
	t.Parallel()
	values := func(by float64) []float64 {
		var v []float64
		for i := range 1000 {
			v = append(v, by*float64(i+1)/100)
		}
		return v
	}
	servers := []string{"Holdfast", "a <peer> & co"}
	svg := drawDelays(servers, [2][][]float64{{values(1), values(3)}, {values(0.5), values(2)}})
	d := xml.NewDecoder(strings.NewReader(svg))
	curves := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "path" {
			curves++
		}
	}
	if curves != 4 || strings.Contains(svg, "NaN") || strings.Contains(svg, "%!") {
		t.Errorf("%d curves in\n%s", curves, svg)
	}
}

func TestTheCSVOfRedisBenchmarkIsRead(t *testing.T) {
	t.Parallel()
	const text = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"GET","105079.23","0.300","0.100","0.263","0.500","0.863","2.000"
`
	s, err := readRedis(text, "get")
	if want := (sample{tps: 105079.23, p50: 263, p99: 863}); err != nil || s != want {
		t.Errorf("%+v, %v", s, err)
	}
	for _, wrong := range []string{"", text[:40], strings.Replace(text, "GET", "SET", 1)} {
		if _, err := readRedis(wrong, "get"); err == nil {
			t.Errorf("no error: %q", wrong)
		}
	}
}
