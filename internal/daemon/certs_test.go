package daemon

import (
	"testing"
	"time"

	"holdfast/internal/health"
)

// S1-69: 14 and 3 days before the end, and in proportion for certificates that live for less than three months.
func TestTheEndOfACertificateIsToldInTime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	from := time.Now()
	f := func(life, left time.Duration, want health.Severity) {
		t.Helper()
		if got := urgency(from, from.Add(life), from.Add(life-left)); got != want {
			t.Errorf("%s of %s left: %v, want %v", left, life, got, want)
		}
	}
	f(90*day, 15*day, health.None)
	f(90*day, 14*day, health.Warning)
	f(90*day, 3*day, health.Error)
	f(90*day, -day, health.Error)
	f(365*day, 15*day, health.None)
	f(365*day, 13*day, health.Warning)
	f(6*day, 2*day, health.None) // renewed then
	f(6*day, day, health.Warning)
	f(6*day, 6*time.Hour, health.Error)
}
