package throttle

import "holdfast/internal/limit"

// Waits are the waits of a rule for requests at once; keys are relative to its table.
func (r Rule) Waits() limit.Waits {
	if r.Concurrent == 0 {
		return nil
	}
	ends := "429 too_many_requests"
	if r.By == ByRoute {
		ends = "503 overload"
	}
	return limit.Waits{
		limit.After("one of the places for requests at once", "wait", r.Wait.D(), ends).OrAtOnce(),
		limit.Queue("requests that wait for such a place, of each", "", maxWaiting, ends),
	}
}
