package daemon_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/health"
	"holdfast/internal/pooler"
)

// S0-22: settings under which the pooler may come to need more descriptors or more memory than the process is given are findings with the sum
// and the way out, from the start on, and end with the reload that mends them.
func TestSettingsThatNeedMoreThanTheMachineHasAreFindings(t *testing.T) {
	t.Parallel()
	const many, few = 2_000_000_000, 50
	room := pooler.FindRoom()
	if room.Files == 0 || room.Files > many || room.Memory == 0 {
		t.Fatalf("the machine has %+v: the test proves nothing", room)
	}
	c := configure(t, fmt.Sprintf("HOLDFAST_DATABASE__MAX_CLIENTS=%d", many))
	clients := many
	d := startWith(t, c, func(o *daemon.Options) {
		o.Load = func() (*config.Config, error) {
			again := *c
			again.Database.Pooling.MaxClients = clients
			return &again, nil
		}
	})
	client := control.NewClient(c.Socket())
	defer client.Close()
	sums := map[string][]string{
		"pooler_files":  {fmt.Sprintf("there is %d, and it may need %d clients (max_clients) + ", room.Files, many), "LimitNOFILE="},
		"pooler_memory": {fmt.Sprintf("and it may need %d × 8KiB for clients (max_clients) + ", many), "max_clients"},
	}
	look := func(when string, found bool) {
		t.Helper()
		for code, want := range sums {
			switch f := finding(t, client, code); {
			case f == nil && found:
				t.Errorf("%s: %s is no finding", when, code)
			case f == nil:
			case !found:
				t.Errorf("%s: %s is still a finding: %s", when, code, f.Text)
			case f.Severity != health.Warning || !strings.Contains(f.Text, want[0]) || !strings.Contains(f.Hint, want[1]):
				t.Errorf("%s: %+v; want %q", when, f, want)
			}
		}
	}
	look("at the start", true)
	for _, step := range []struct {
		clients int
		found   bool
	}{{few, false}, {many, true}, {few, false}} {
		clients = step.clients
		if err := d.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		look(fmt.Sprintf("after a reload with max_clients = %d", clients), step.found)
	}
}
