package pooler_test

import (
	"strings"
	"testing"

	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// S0-22: files and memory are compared with the sum, which is written out.
func TestWhatIsNeededOfTheMachineIsWrittenOut(t *testing.T) {
	t.Parallel()
	c, db := pooler.DefaultConfig(), postgres.DefaultConfig()
	db.Mode, db.Options.Pool.MaxSize = postgres.Attached, 20
	f := func(name string, room pooler.Room, want ...string) {
		t.Helper()
		var got []string
		for _, n := range c.Needs(db, room) {
			if !n.Fits {
				got = append(got, n.Thing+": "+n.Sum+"; "+n.Allowed+"; "+n.Hint)
			}
		}
		if text := strings.Join(got, "\n"); len(got) != min(len(want), 1) || len(want) > 0 && !containsAll(text, want) {
			t.Errorf("%s: %q, want %q", name, text, want)
		}
	}
	f("enough", pooler.Room{Files: 65536, Memory: 1 << 30})
	f("not known", pooler.Room{})
	f("exactly", pooler.Room{Files: 10540, Memory: 1 << 30})
	f("one less", pooler.Room{Files: 10539, Memory: 1 << 30},
		"open files: 10000 clients (max_clients) + 28 servers + 512 for everything else = 10540; 10539; set LimitNOFILE=10540", "ulimit -n")
	f("little memory", pooler.Room{Files: 65536, Memory: 100 << 20}, "memory: 10000 × 8KiB for clients (max_clients) + 28 × 64KiB for servers + 64MiB for the rest")
	db.Mode, db.Options.Pool.MaxSize = postgres.PrivateCluster, 3000
	f("absurd pools", pooler.Room{Files: 65536, Memory: 4 << 30}, "3020 × 4MiB for sessions of PostgreSQL", "128MiB for shared_buffers", "4GiB")
	c.Pooler = false
	f("no pooler", pooler.Room{Files: 1, Memory: 1})
}

func containsAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}
