package doctor_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/doctor"
	"holdfast/internal/fault"
	"holdfast/internal/health"
)

// examination returns what it is given.
func examination(name string, findings ...doctor.Finding) doctor.Examination {
	return doctor.Examination{Name: name, Limit: time.Minute, Examine: func(context.Context) (doctor.Result, error) {
		return doctor.Result{Summary: "looked at " + name, Findings: findings}, nil
	}}
}

func TestTheReportHasTheWorstFirstAndSaysWhoFoundIt(t *testing.T) {
	t.Parallel()
	r := doctor.Run(t.Context(), []doctor.Examination{
		examination("one", doctor.Finding{Code: "w1", Severity: health.Warning}, doctor.Finding{Code: "i1", Severity: health.Info}),
		examination("two", doctor.Finding{Code: "e2", Severity: health.Error, Kind: fault.Full}, doctor.Finding{Code: "w2", Severity: health.Warning}),
		examination("three"),
	}, nil)
	var order []string
	for _, f := range r.Findings {
		order = append(order, f.Examination+" "+f.Code)
	}
	if got := strings.Join(order, ", "); got != "two e2, one w1, two w2, one i1" {
		t.Errorf("findings: %s", got)
	}
	if r.OK || r.Worst != health.Error || r.Examinations[0].State != "warning" || r.Examinations[1].State != "error" || r.Examinations[2].State != "ok" {
		t.Errorf("%+v", r)
	}
	if err := r.Err(); fault.KindOf(err) != fault.Full {
		t.Errorf("it ends with %v; want the kind of the first error", err)
	}
}

func TestWarningsAreNoError(t *testing.T) {
	t.Parallel()
	f := func(s health.Severity, ok bool) {
		t.Helper()
		r := doctor.Run(t.Context(), []doctor.Examination{examination("x", doctor.Finding{Severity: s})}, nil)
		if r.Err() != nil || r.OK != ok {
			t.Errorf("%s: ok %t, ends with %v", s, r.OK, r.Err())
		}
	}
	f(health.Info, true)
	f(health.Warning, false)
	if r := doctor.Run(t.Context(), nil, nil); !r.OK || r.Worst != health.None {
		t.Errorf("without examinations: %+v", r)
	}
}

func TestAnExaminationThatCannotBeMadeIsAFindingAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var begun []string
		r := doctor.Run(t.Context(), []doctor.Examination{
			{Name: "slow", Limit: 2 * time.Second, Examine: func(ctx context.Context) (doctor.Result, error) {
				<-ctx.Done()
				return doctor.Result{}, ctx.Err()
			}},
			{Name: "broken", Limit: time.Second, Examine: func(context.Context) (doctor.Result, error) {
				return doctor.Result{}, fault.New(fault.Unavailable, "x", "%w", errors.New("no answer")).WithHint("look there")
			}},
			examination("after"),
		}, func(e doctor.Examination) { begun = append(begun, e.Name) })
		if strings.Join(begun, " ") != "slow broken after" || len(r.Findings) != 2 || r.Examinations[2].State != "ok" {
			t.Fatalf("begun %v: %+v", begun, r)
		}
		if f := r.Findings[0]; f.Code != "examination_failed" || !strings.Contains(f.Text, "within 2s") || f.Severity != health.Warning {
			t.Errorf("%+v", f)
		}
		if f := r.Findings[1]; f.Text != "no answer" || f.Hint != "look there" {
			t.Errorf("%+v", f)
		}
	})
}

// The fields are a contract: later rooms add findings, not fields.
func TestTheJSONOfAReportHasItsFields(t *testing.T) {
	t.Parallel()
	r := doctor.Run(t.Context(), []doctor.Examination{examination("limits", doctor.Finding{
		Code: "limit_endless", Subject: "s", Title: "t", Text: "x", Severity: health.Warning, Hint: "h", Kind: fault.Full,
	})}, nil)
	got, err := json.Marshal(r)
	const want = `{"ok":false,"worst":"warning","examinations":[{"name":"limits","state":"warning","summary":"looked at limits","remarks":[]}],` +
		`"findings":[{"examination":"limits","code":"limit_endless","subject":"s","title":"t","text":"x","severity":"warning","hint":"h"}]}`
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	empty, _ := json.Marshal(doctor.Run(t.Context(), nil, nil))
	if string(empty) != `{"ok":true,"worst":"none","examinations":[],"findings":[]}` {
		t.Errorf("%s", empty)
	}
}
