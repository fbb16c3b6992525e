package backend

import (
	"testing"

	"holdfast/internal/pgwire"
)

// FuzzIdle: whatever an idle server says, only whole messages are taken, and the rest is the same whether it came at once
// or in two parts.
func FuzzIdle(f *testing.F) {
	report := pgwire.AppendParameterStatus(nil, "TimeZone", "UTC")
	f.Add(report, 3)
	f.Add(append(report, pgwire.AppendNotification(nil, 1, "c", "p")...), 20)
	f.Add(pgwire.AppendError(nil, pgwire.Notice{Severity: "FATAL", Code: "57P01", Message: "x"}), 9)
	f.Add(pgwire.AppendReadyForQuery(nil, pgwire.Idle), 5)
	f.Add([]byte{'N', 0, 0, 0, 3}, 0)
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		whole, parts := &Conn{}, &Conn{}
		used, err := whole.takeIdle(said)
		if used < 0 || used > len(said) {
			t.Fatalf("%d of %d bytes taken", used, len(said))
		}
		cut = min(max(cut, 0), len(said))
		first, firstErr := parts.takeIdle(said[:cut])
		if firstErr == nil {
			var more int
			more, firstErr = parts.takeIdle(said[first:])
			first += more
		}
		if first != used || (err == nil) != (firstErr == nil) || len(parts.params) != len(whole.params) {
			t.Errorf("at once: %d, %v; in two parts: %d, %v", used, err, first, firstErr)
		}
	})
}
