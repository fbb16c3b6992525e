package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"holdfast/internal/health"
)

// State says how a part is.
type State string

// The states, from good to bad.
const (
	OK      State = "ok"
	Warning State = "warning"
	Error   State = "error"
)

// Fact is one line of a section.
type Fact struct {
	Name  string
	Value any
}

// Facts keep their order and are a JSON object.
type Facts []Fact

// MarshalJSON writes the facts as an object whose members stand in order.
func (f Facts) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(x.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, fmt.Errorf("fact %q: %w", x.Name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads the object back, in order.
func (f *Facts) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var value any
		if err := d.Decode(&value); err != nil {
			return err
		}
		*f = append(*f, Fact{fmt.Sprint(name), value})
	}
	return nil
}

// Status is what a section reports.
type Status struct {
	State   State  `json:"state"`
	Summary string `json:"summary"` // one line for people
	Facts   Facts  `json:"facts,omitempty"`
}

// Section is one part of Holdfast on the status page. Report must return when its context ends.
type Section struct {
	Name   string
	Report func(context.Context) Status
}

// SectionStatus is a section's report with its name.
type SectionStatus struct {
	Name string `json:"name"`
	Status
}

// Report is the whole status: what "holdfast status --json" prints.
type Report struct {
	Version  string           `json:"version"`
	Started  time.Time        `json:"started"`
	State    State            `json:"state"` // the worst of all sections and findings
	Sections []SectionStatus  `json:"sections"`
	Findings []health.Finding `json:"findings"`
}

// patience is how long the status waits for a section.
const patience = 2 * time.Second

// Report asks all sections at once.
func (a *Admin) Report(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := Report{
		Version: a.opts.Version, Started: a.started, State: OK,
		Sections: make([]SectionStatus, len(a.opts.Sections)), Findings: a.opts.Health.Snapshot(),
	}
	var wg sync.WaitGroup
	for i, s := range a.opts.Sections {
		wg.Go(func() { r.Sections[i] = SectionStatus{s.Name, s.Report(ctx)} })
	}
	wg.Wait()
	for _, s := range r.Sections {
		r.State = worse(r.State, s.State)
	}
	for _, f := range r.Findings {
		r.State = worse(r.State, stateOf(f.Severity))
	}
	return r
}

func worse(a, b State) State {
	rank := map[State]int{OK: 0, Warning: 1, Error: 2}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

func stateOf(s health.Severity) State {
	switch s {
	case health.Error:
		return Error
	case health.Warning:
		return Warning
	}
	return OK
}
