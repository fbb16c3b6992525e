package load

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Report is a result in numbers, as JSON shows it. Times are seconds. Fields are only ever added.
type Report struct {
	URL       string            `json:"url"`
	Method    string            `json:"method"`
	Workers   int               `json:"workers"`
	Seconds   float64           `json:"seconds"`
	Requests  int               `json:"requests"` // sent
	Answered  int               `json:"answered"`
	Failed    int               `json:"failed"` // without an answer
	PerSecond float64           `json:"per_second"`
	Bytes     int64             `json:"bytes"` // of bodies, as they came
	PerAnswer float64           `json:"bytes_per_answer"`
	Latency   Spread            `json:"latency"`
	Quantiles []Quantile        `json:"quantiles"`
	Histogram []Bar             `json:"histogram"`
	Phases    map[string]Spread `json:"phases"` // connect, resolve, write, wait, read
	Statuses  map[string]int    `json:"statuses"`
	Errors    []Failure         `json:"errors"`
}

// Spread is the extent of many times.
type Spread struct {
	Fastest float64 `json:"fastest"`
	Average float64 `json:"average"`
	Slowest float64 `json:"slowest"`
}

// Quantile says how long the fastest Percent of all answers took at most.
type Quantile struct {
	Percent float64 `json:"percent"`
	Seconds float64 `json:"seconds"`
}

// Bar is a part of the histogram: answers that took at most Seconds, and longer than those of the bar before.
type Bar struct {
	Seconds float64 `json:"seconds"`
	Answers int     `json:"answers"`
}

// Failure is a reason why requests had no answer.
type Failure struct {
	Reason   string `json:"reason"`
	Requests int    `json:"requests"`
}

// Report computes the numbers.
func (r *Result) Report() Report {
	total := times(r.Samples, func(s Sample) time.Duration { return s.Total })
	rep := Report{
		URL: r.Plan.URL.Redacted(), Method: r.Plan.Method, Workers: r.Plan.Workers,
		Seconds: r.Took.Seconds(), Requests: r.Sent, Answered: r.Answered(), Failed: r.Failed, Bytes: r.Bytes,
		Latency: spread(total), Quantiles: quantiles(total), Histogram: histogram(total),
		Phases: r.phases(), Statuses: map[string]int{}, Errors: []Failure{},
	}
	if r.Took > 0 {
		rep.PerSecond = float64(r.Answered()) / r.Took.Seconds()
	}
	if r.Answered() > 0 {
		rep.PerAnswer = float64(r.Bytes) / float64(r.Answered())
	}
	for status, n := range r.Status {
		rep.Statuses[strconv.Itoa(status)] = n
	}
	for reason, n := range r.Reasons {
		rep.Errors = append(rep.Errors, Failure{reason, n})
	}
	slices.SortFunc(rep.Errors, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Reason, b.Reason))
	})
	return rep
}

func (r *Result) phases() map[string]Spread {
	all := map[string]Spread{}
	for name, of := range map[string]func(Phases) time.Duration{
		"connect": func(p Phases) time.Duration { return p.Connect },
		"resolve": func(p Phases) time.Duration { return p.Resolve },
		"write":   func(p Phases) time.Duration { return p.Write },
		"wait":    func(p Phases) time.Duration { return p.Wait },
		"read":    func(p Phases) time.Duration { return p.Read },
	} {
		all[name] = spread(times(r.Samples, func(s Sample) time.Duration { return of(s.Phases) }))
	}
	return all
}

// times returns a time of every sample in seconds, the shortest first.
func times(samples []Sample, of func(Sample) time.Duration) []float64 {
	all := make([]float64, len(samples))
	for i, s := range samples {
		all[i] = of(s).Seconds()
	}
	slices.Sort(all)
	return all
}

func spread(sorted []float64) Spread {
	if len(sorted) == 0 {
		return Spread{}
	}
	sum := 0.0
	for _, t := range sorted {
		sum += t
	}
	return Spread{sorted[0], sum / float64(len(sorted)), sorted[len(sorted)-1]}
}

// quantiles leaves out those that so few answers cannot show: of ten, the slowest is not the 99th of a hundred.
func quantiles(sorted []float64) []Quantile {
	all := []Quantile{}
	for _, p := range []float64{10, 25, 50, 75, 90, 95, 99, 99.9} {
		rank := int(math.Ceil(p / 100 * float64(len(sorted))))
		if float64(len(sorted))*(100-p) >= 100 {
			all = append(all, Quantile{p, sorted[rank-1]})
		}
	}
	return all
}

// bars is how many parts the histogram has besides the first, which holds the fastest.
const bars = 10

func histogram(sorted []float64) []Bar {
	all := []Bar{}
	if len(sorted) == 0 {
		return all
	}
	fastest, slowest := sorted[0], sorted[len(sorted)-1]
	for i := range bars {
		all = append(all, Bar{Seconds: fastest + float64(i)*(slowest-fastest)/bars})
	}
	all = append(all, Bar{Seconds: slowest})
	at := 0
	for _, t := range sorted {
		for t > all[at].Seconds {
			at++
		}
		all[at].Answers++
	}
	return all
}

// Line is a short sentence about requests without an answer, "" when there are none.
func (r Report) Line() string {
	switch len(r.Errors) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%d of %d requests had no answer: %s", r.Failed, r.Requests, r.Errors[0].Reason)
	}
	return fmt.Sprintf("%d of %d requests had no answer; most of them: %s", r.Failed, r.Requests, r.Errors[0].Reason)
}
