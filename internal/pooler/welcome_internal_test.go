package pooler

import (
	"testing"

	"holdfast/internal/pgwire"
)

// S1-07: a position that a client asks for at log-in costs no server, and no memory for the next one.
func TestSettingsOfApplicationsAreNotTriedOnAServer(t *testing.T) {
	t.Parallel()
	f := func(name string, want bool) {
		t.Helper()
		base := []pgwire.Param{{Name: "TimeZone", Value: "UTC"}}
		if _, settings, unsure := split(base, []pgwire.Param{{Name: name, Value: "0/1"}}); unsure != want || len(settings)+1 != 2 && name != "TimeZone" {
			t.Errorf("%s: unsure is %t, want %t; %v", name, unsure, want, settings)
		}
	}
	f("holdfast.min_lsn", false)
	f("my.tenant", false)
	f("work_mem", true)
	f("TimeZone", true)
}
