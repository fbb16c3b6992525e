package pooler_test

import (
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// Trap 10: what a client asks for at its start is written into statements that make servers the client's own. It is data there, whatever stands in
// it, on each server, and under settings that change what a backslash means.
func TestTrap10SettingsOfAClientAreDataOnEveryServer(t *testing.T) {
	t.Parallel()
	const injected = "; CREATE TABLE public.injected (); --"
	const servers = 2
	s := sized(servers).start(t)
	for _, backslashes := range []string{"on", "off"} {
		for _, value := range []string{
			"'" + injected, "''" + injected, `\'` + injected, `\\'` + injected, "x', false)" + injected, `x\', false)` + injected, `"` + injected, "$$" + injected, "E'" + injected,
		} {
			params := []pgwire.Param{
				{Name: "standard_conforming_strings", Value: backslashes},
				{Name: "application_name", Value: value},
				{Name: "my.own", Value: value},
				{Name: "options", Value: "-c my.other=" + strings.NewReplacer(`\`, `\\`, " ", `\ `).Replace(value)},
			}
			w := s.wire(t, 1, params...)
			s.elsewhere(t, servers, func(server int) {
				got := w.must("SELECT concat_ws('|', current_setting('application_name'), current_setting('my.own'), current_setting('my.other'))")
				if want := strings.Join([]string{value, value, value}, "|"); got != want {
					t.Errorf("server %d has %q, want %q", server, got, want)
				}
			})
			_ = w.conn.Close()
		}
	}
	if got := s.super(t, "SELECT count(*) FROM pg_class WHERE relname = 'injected'"); got != "0" {
		t.Error("a setting was run as a statement")
	}
}
