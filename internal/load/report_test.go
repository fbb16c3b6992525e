package load

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

// hundred is a result of 100 answers that took 1 ms, 2 ms, … 100 ms.
func hundred() *Result {
	r := &Result{
		Plan: Plan{URL: &url.URL{Scheme: "http", Host: "h", User: url.UserPassword("u", "secret")}, Method: "GET", Workers: 1},
		Took: 2 * time.Second, Sent: 103, Failed: 3, Status: map[int]int{200: 100}, Bytes: 1000,
		Reasons: map[string]int{"cut": 1, "refused": 2},
	}
	for i := range 100 {
		r.Samples = append(r.Samples, Sample{Total: time.Duration(i+1) * time.Millisecond, Status: 200, Bytes: 10, Phases: Phases{Wait: time.Millisecond}})
	}
	return r
}

func TestAReportHasTheNumbersOfItsSamples(t *testing.T) {
	t.Parallel()
	r := hundred().Report()
	if r.PerSecond != 50 || r.PerAnswer != 10 || r.Answered != 100 || r.Failed != 3 || r.Requests != 103 {
		t.Errorf("the report is %+v", r)
	}
	if got := fmt.Sprintf("%.4f %.4f %.4f", r.Latency.Fastest, r.Latency.Average, r.Latency.Slowest); got != "0.0010 0.0505 0.1000" {
		t.Errorf("latencies %s", got)
	}
	if got := fmt.Sprint(r.Quantiles); got != "[{10 0.01} {25 0.025} {50 0.05} {75 0.075} {90 0.09} {95 0.095} {99 0.099}]" {
		t.Errorf("quantiles %s", got)
	}
	sum := 0
	for _, b := range r.Histogram {
		sum += b.Answers
	}
	if len(r.Histogram) != 11 || sum != 100 || r.Histogram[0].Answers != 1 || r.Histogram[10].Seconds != 0.1 {
		t.Errorf("histogram %v", r.Histogram)
	}
	if fmt.Sprint(r.Errors) != "[{refused 2} {cut 1}]" || strings.Contains(r.URL, "secret") {
		t.Errorf("errors %v of %s", r.Errors, r.URL)
	}
	if r.Line() != "3 of 103 requests had no answer; most of them: refused" {
		t.Errorf("the line is %q", r.Line())
	}
}

func TestQuantilesThatSoFewAnswersCannotShowAreLeftOut(t *testing.T) {
	t.Parallel()
	f := func(n int, want string) {
		t.Helper()
		if got := fmt.Sprint(quantiles(make([]float64, n))); got != want {
			t.Errorf("of %d answers: %s", n, got)
		}
	}
	f(0, "[]")
	f(1, "[]")
	f(2, "[{10 0} {25 0} {50 0}]")
	f(4, "[{10 0} {25 0} {50 0} {75 0}]")
}

func TestAReportOfNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	r := &Result{Plan: Plan{URL: &url.URL{Scheme: "http", Host: "h"}}, Sent: 1, Failed: 1, Reasons: map[string]int{"refused": 1}}
	if err := r.Report().WriteText(&b); err != nil || strings.Contains(b.String(), "NaN") || !strings.Contains(b.String(), "[1]\trefused") {
		t.Errorf("%v:\n%s", err, &b)
	}
}

func TestTheCSVIsThatOfHey(t *testing.T) {
	t.Parallel()
	r := &Result{Samples: []Sample{{
		Offset: 1500 * time.Millisecond, Total: 2 * time.Second, Status: 404,
		Phases: Phases{Connect: time.Millisecond, Resolve: 100 * time.Microsecond, Write: 200 * time.Microsecond, Wait: time.Second, Read: 30 * time.Millisecond},
	}}}
	var b strings.Builder
	if err := r.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	const want = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n" +
		"2.0000,0.0010,0.0001,0.0002,1.0000,0.0300,404,1.5000\n"
	if b.String() != want {
		t.Errorf("the CSV is\n%s", &b)
	}
}
