package health

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Condition is something that can be wrong. Packages declare theirs as values and hand them to Set and Clear.
type Condition struct {
	Code     string // stable, snake_case, documented: "disk_low"
	Subject  string // what it is about, when it can hold of several things at once; else empty
	Title    string // a few words: "Disk space runs out"
	Severity Severity
	Hint     string        // what to do, one sentence
	After    time.Duration // how long it must hold before it is shown; 0: at once
	CausedBy []string      // codes of conditions that explain this one
}

// Finding is a condition that holds, as people and programs see it.
type Finding struct {
	Code     string    `json:"code"`
	Subject  string    `json:"subject,omitempty"`
	Title    string    `json:"title"`
	Text     string    `json:"text"` // what was seen
	Severity Severity  `json:"severity"`
	Hint     string    `json:"hint,omitempty"`
	Since    time.Time `json:"since"`
}

// key tells findings apart.
type key struct{ code, subject string }

// entry is a condition that holds.
type entry struct {
	Condition
	text  string
	since time.Time
}

// Registry holds the findings of a process.
type Registry struct {
	mu      sync.Mutex // protects the following
	entries map[key]entry
}

// New returns an empty registry.
func New() *Registry { return &Registry{entries: map[key]entry{}} }

// Set says that the condition holds, and what was seen. Setting it again renews the text and keeps the time of the
// first.
func (r *Registry) Set(c Condition, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	since := time.Now()
	if old, ok := r.entries[key{c.Code, c.Subject}]; ok {
		since = old.since
	}
	r.entries[key{c.Code, c.Subject}] = entry{Condition: c, text: text, since: since}
}

// Clear says that the condition does not hold.
func (r *Registry) Clear(c Condition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.entries, key{c.Code, c.Subject})
}

// Report sets the condition with the error's text, or clears it when there is none: for code whose outcome is an error.
func (r *Registry) Report(c Condition, err error) {
	if err == nil {
		r.Clear(c)
		return
	}
	r.Set(c, err.Error())
}

// Snapshot returns the findings that are to be shown, the worst first, then the oldest, then by code and subject.
func (r *Registry) Snapshot() []Finding {
	r.mu.Lock()
	ripe := r.ripe(time.Now())
	r.mu.Unlock()
	shown := make([]Finding, 0, len(ripe))
	for _, e := range ripe {
		if !ripe.explained(e, map[string]bool{e.Code: true}) {
			shown = append(shown, Finding{
				Code: e.Code, Subject: e.Subject, Title: e.Title, Text: e.text,
				Severity: e.Severity, Hint: e.Hint, Since: e.since,
			})
		}
	}
	slices.SortFunc(shown, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), a.Since.Compare(b.Since),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Subject, b.Subject),
		)
	})
	return shown
}

// Worst returns the highest severity among findings, None when there are none.
func Worst(findings []Finding) Severity {
	worst := None
	for _, f := range findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// entries are conditions that have held long enough.
type entries []entry

// ripe returns the entries that have held long enough. Callers must hold mu.
func (r *Registry) ripe(now time.Time) entries {
	out := make(entries, 0, len(r.entries))
	for _, e := range r.entries {
		if now.Sub(e.since) >= e.After {
			out = append(out, e)
		}
	}
	return out
}

// explained reports whether following e's causes leads to one that has none itself. Conditions that only explain each
// other in a circle stay visible. seen holds the codes on the way.
func (all entries) explained(e entry, seen map[string]bool) bool {
	for _, cause := range all {
		if seen[cause.Code] || !slices.Contains(e.CausedBy, cause.Code) {
			continue
		}
		seen[cause.Code] = true
		if !all.hasCause(cause) || all.explained(cause, seen) {
			return true
		}
	}
	return false
}

func (all entries) hasCause(e entry) bool {
	return slices.ContainsFunc(all, func(cause entry) bool { return slices.Contains(e.CausedBy, cause.Code) })
}
