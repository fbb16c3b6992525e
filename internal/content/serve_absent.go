package content

import (
	"sync"
	"time"
)

const (
	absentFor = 5 * time.Second
	maxAbsent = 4096
)

// absences are commits that a source did not have a moment ago.
type absences struct {
	mu    sync.Mutex // protects until
	until map[string]time.Time
}

func (a *absences) has(commit string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Now().Before(a.until[commit])
}

func (a *absences) add(commit string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil || len(a.until) >= maxAbsent {
		a.until = map[string]time.Time{}
	}
	a.until[commit] = time.Now().Add(absentFor)
}
