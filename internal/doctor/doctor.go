package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/health"
)

// Finding is something that is not as it should be.
type Finding struct {
	Examination string          `json:"examination"`
	Code        string          `json:"code"`
	Subject     string          `json:"subject,omitempty"` // what it is about, when it can be found of several things
	Title       string          `json:"title"`
	Text        string          `json:"text"` // what was seen
	Severity    health.Severity `json:"severity"`
	Hint        string          `json:"hint,omitempty"` // what to do
	Kind        fault.Kind      `json:"-"`              // which exit code an error has
}

// Result is what an examination says.
type Result struct {
	Summary  string    // one line: what was looked at, and how it is as a whole
	Remarks  []string  // what is worth reading and as somebody wanted it
	Findings []Finding // in the order in which they are to be read
}

// Examination is one look at one matter.
type Examination struct {
	Name    string        // one word: "limits"
	About   string        // for people who wait: "what strangers can fetch"
	Limit   time.Duration // the longest that it may take
	Examine func(context.Context) (Result, error)
}

// Examined is an examination that was made.
type Examined struct {
	Name    string   `json:"name"`
	State   string   `json:"state"` // "ok", or the worst severity of its findings
	Summary string   `json:"summary"`
	Remarks []string `json:"remarks"`
}

// Report is what "holdfast doctor --json" prints.
type Report struct {
	OK           bool            `json:"ok"`    // nothing was found but things worth knowing
	Worst        health.Severity `json:"worst"` // "none" when nothing was found
	Examinations []Examined      `json:"examinations"`
	Findings     []Finding       `json:"findings"` // the worst first
}

// Run makes the examinations one after the other. begin is told before each; it may be nil.
func Run(ctx context.Context, all []Examination, begin func(Examination)) Report {
	r := Report{Examinations: []Examined{}, Findings: []Finding{}}
	for _, e := range all {
		if begin != nil {
			begin(e)
		}
		result := e.run(ctx)
		worst := health.None
		for _, f := range result.Findings {
			f.Examination = e.Name
			worst = max(worst, f.Severity)
			r.Findings = append(r.Findings, f)
		}
		state := "ok"
		if worst > health.None {
			state = worst.String()
		}
		r.Worst = max(r.Worst, worst)
		r.Examinations = append(r.Examinations, Examined{e.Name, state, result.Summary, append([]string{}, result.Remarks...)})
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	r.OK = r.Worst < health.Warning
	return r
}

// run makes one examination within its limit.
func (e Examination) run(ctx context.Context) Result {
	limited, cancel := context.WithTimeout(ctx, e.Limit)
	defer cancel()
	result, err := e.Examine(limited)
	if err == nil {
		return result
	}
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		text = fmt.Sprintf("it did not end within %s: %s", e.Limit, text)
	}
	result.Summary = cmp.Or(result.Summary, "could not be examined")
	result.Findings = append(result.Findings, Finding{
		Code: "examination_failed", Title: "Something could not be examined", Text: text, Severity: health.Warning, Hint: fault.HintOf(err),
	})
	return result
}

// Count returns how many findings have a severity.
func (r Report) Count(s health.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Err returns the error with which a command ends that made the report: the kind of the first finding that is an error; nil when
// none is.
func (r Report) Err() error {
	n := r.Count(health.Error)
	if n == 0 {
		return nil
	}
	words := "1 thing is wrong"
	if n > 1 {
		words = fmt.Sprintf("%d things are wrong", n)
	}
	return fault.New(r.Findings[0].Kind, "doctor_found", "doctor: %s", words)
}
