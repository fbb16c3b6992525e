package pooler_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgauth"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// C-04, S1-79: the limits of each class are written out, and told of when the one that is to end first ends last. What the visitor
// waits counts for the application's own class alone.
func TestTheLimitsOfEachClassAreWrittenOutAndCompared(t *testing.T) {
	t.Parallel()
	c, db := pooler.DefaultConfig(), postgres.DefaultConfig()
	db.Username, db.Name = "journal", "journal"
	c.Rules = []pgauth.Rule{{Users: []string{"journal"}, Class: "interactive"}, {Class: "batch"}}
	f := func(name string, l pooler.Limit, text string, faults ...string) {
		t.Helper()
		c.Limits = map[string]pooler.Limit{"interactive": l, "batch": {StatementTimeout: seconds(4 * 3600), Timeout: seconds(60)}}
		for _, chain := range c.Chains(db, 55*time.Second) {
			if chain.Class == "batch" && (len(chain.Faults) > 0 || chain.Text != "class batch: wait for a connection 1m, lock as the server says, statement 4h") {
				t.Errorf("%s: %+v", name, chain)
			}
			if chain.Class != "interactive" {
				continue
			}
			if chain.Text != text {
				t.Errorf("%s: %q, want %q", name, chain.Text, text)
			}
			same := slices.EqualFunc(chain.Faults, faults, func(have pooler.ChainFault, want string) bool {
				return strings.Contains(have.Text, want) && have.Hint != ""
			})
			if !same {
				t.Errorf("%s: %+v, want %q", name, chain.Faults, faults)
			}
		}
	}
	f("as documented", pooler.Limit{StatementTimeout: seconds(5)},
		"class interactive: wait for a connection 5s, lock as the server says, statement 5s, answer to the visitor 55s")
	f("a long wait", pooler.Limit{StatementTimeout: seconds(1), Timeout: seconds(600)},
		"class interactive: wait for a connection 10m, lock as the server says, statement 1s, answer to the visitor 55s",
		"waits up to 10m for a connection, and then its statement may run for 1s", "waits up to 10m for a connection, but the visitor")
	f("a long statement", pooler.Limit{StatementTimeout: seconds(90)},
		"class interactive: wait for a connection 5s, lock as the server says, statement 1m30s, answer to the visitor 55s", "a statement may run for 1m30s")
	f("a long lock", pooler.Limit{StatementTimeout: seconds(10), LockTimeout: seconds(11)},
		"class interactive: wait for a connection 5s, lock 11s, statement 10s, answer to the visitor 55s", "lock_timeout (11s) is longer")
	if got := len(c.Chains(db, 0)); got != 3 {
		t.Errorf("%d classes, want 3 with that of people without one", got)
	}
}

func seconds(n int) unit.Duration { return unit.Duration(time.Duration(n) * time.Second) }
