package load

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// csvHead is hey's, spelling included.
const csvHead = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset"

// WriteCSV writes a line for each sample, in seconds with four decimals.
func (r *Result) WriteCSV(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, csvHead)
	for _, s := range r.Samples {
		p := s.Phases
		for _, t := range []time.Duration{s.Total, p.Connect, p.Resolve, p.Write, p.Wait, p.Read} {
			fmt.Fprintf(b, "%.4f,", t.Seconds())
		}
		fmt.Fprintf(b, "%d,%.4f\n", s.Status, s.Offset.Seconds())
	}
	return b.Flush()
}

// WriteText writes the report for people.
func (r Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	r.writeSummary(b)
	if r.Answered > 0 {
		r.writeLatencies(b)
		fmt.Fprintf(b, "\nStatus code distribution:\n")
		for _, status := range slices.Sorted(maps.Keys(r.Statuses)) {
			fmt.Fprintf(b, "  [%s]\t%d responses\n", status, r.Statuses[status])
		}
	}
	if len(r.Errors) > 0 {
		fmt.Fprintf(b, "\nError distribution:\n")
		for _, e := range r.Errors {
			fmt.Fprintf(b, "  [%d]\t%s\n", e.Requests, e.Reason)
		}
	}
	return b.Flush()
}

func (r Report) writeSummary(b *bufio.Writer) {
	fmt.Fprintf(b, "Summary:\n")
	fmt.Fprintf(b, "  Total:\t%.4f secs\n", r.Seconds)
	fmt.Fprintf(b, "  Slowest:\t%.4f secs\n", r.Latency.Slowest)
	fmt.Fprintf(b, "  Fastest:\t%.4f secs\n", r.Latency.Fastest)
	fmt.Fprintf(b, "  Average:\t%.4f secs\n", r.Latency.Average)
	fmt.Fprintf(b, "  Requests/sec:\t%.4f\n\n", r.PerSecond)
	fmt.Fprintf(b, "  Total data:\t%d bytes\n", r.Bytes)
	fmt.Fprintf(b, "  Size/request:\t%.0f bytes\n", r.PerAnswer)
}

// width is that of the longest bar, in characters.
const width = 40

func (r Report) writeLatencies(b *bufio.Writer) {
	most := slices.MaxFunc(r.Histogram, func(a, b Bar) int { return a.Answers - b.Answers }).Answers
	fmt.Fprintf(b, "\nResponse time histogram:\n")
	for _, bar := range r.Histogram {
		fmt.Fprintf(b, "  %.4f [%d]\t|%s\n", bar.Seconds, bar.Answers, strings.Repeat("■", (bar.Answers*width+most/2)/most))
	}
	fmt.Fprintf(b, "\nLatency distribution:\n")
	for _, q := range r.Quantiles {
		fmt.Fprintf(b, "  %g%% in %.4f secs\n", q.Percent, q.Seconds)
	}
	fmt.Fprintf(b, "\nDetails (average, fastest, slowest):\n")
	for _, row := range []struct{ title, phase string }{
		{"DNS+dialup:", "connect"}, {"DNS-lookup:", "resolve"}, {"req write:", "write"}, {"resp wait:", "wait"}, {"resp read:", "read"},
	} {
		p := r.Phases[row.phase]
		fmt.Fprintf(b, "  %s\t%.4f secs, %.4f secs, %.4f secs\n", row.title, p.Average, p.Fastest, p.Slowest)
	}
}
