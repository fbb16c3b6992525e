package objects

import (
	"fmt"
	"testing"
	"time"
)

// turn is a Turns that the test sets.
type turn uint64

func (t *turn) Turn() uint64 { return uint64(*t) }

func row(key string, gen Generation) (memoryKey, Object) {
	return memoryKey{1, key}, Object{Key: key, Generation: gen}
}

// remember is what a lookup does that finds gen in the database.
func remember(m *memory, key string, gen Generation) {
	k, o := row(key, gen)
	_, t, _ := m.recall(k)
	m.keep(k, t, o)
}

func wantRow(t *testing.T, m *memory, key string, want Generation) {
	t.Helper()
	k, _ := row(key, 0)
	if o, _, ok := m.recall(k); ok != (want != 0) || o.Generation != want {
		t.Errorf("%s: remembered %v generation %d, want %d", key, ok, o.Generation, want)
	}
}

func TestARowIsRememberedOnlyWhileAlone(t *testing.T) {
	t.Parallel()
	company := turn(0)
	m := newMemory(&company)
	remember(m, "a", 1)
	wantRow(t, m, "a", 0)
	company = 1
	remember(m, "a", 1)
	wantRow(t, m, "a", 1)
	company = 0
	wantRow(t, m, "a", 0)
	company = 2 // alone again: others may have written meanwhile
	wantRow(t, m, "a", 0)
}

func TestARowReadBesideAWriteIsNotKept(t *testing.T) {
	t.Parallel()
	company := turn(1)
	m := newMemory(&company)
	k, old := row("a", 1)
	_, ticket, _ := m.recall(k) // a lookup asks the database, which answers with the old row
	m.forget(k)                 // a write is done
	m.keep(k, ticket, old)      // the old row arrives
	wantRow(t, m, "a", 0)
	_, ticket, _ = m.recall(k)
	company = 2 // the company changed between question and answer
	m.keep(k, ticket, old)
	wantRow(t, m, "a", 0)
}

func TestAWriteForgetsItsRow(t *testing.T) {
	t.Parallel()
	company := turn(1)
	m := newMemory(&company)
	remember(m, "a", 1)
	k, _ := row("a", 0)
	m.forget(k)
	wantRow(t, m, "a", 0)
}

func TestARowIsForgottenAfterAWhileAndWhenItsObjectExpires(t *testing.T) {
	t.Parallel()
	company := turn(1)
	m := newMemory(&company)
	now := time.Unix(1000, 0)
	m.now = func() time.Time { return now }
	k, o := row("a", 1)
	o.ExpiresAt = now.Add(2 * time.Second)
	_, ticket, _ := m.recall(k)
	m.keep(k, ticket, o)
	remember(m, "b", 1)
	now = now.Add(2 * time.Second)
	wantRow(t, m, "a", 0)
	wantRow(t, m, "b", 1)
	now = now.Add(memoryLife)
	wantRow(t, m, "b", 0)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	company := turn(1)
	m := newMemory(&company)
	for i := range 200_000 {
		remember(m, fmt.Sprintf("key-%06d", i), 1)
	}
	total, entries := 0, 0
	for i := range m.shards {
		total, entries = total+m.shards[i].bytes, entries+len(m.shards[i].entries)
	}
	if total > memoryBytes || entries < 30_000 || entries > 45_000 {
		t.Errorf("%d bytes in %d entries", total, entries)
	}
	wantRow(t, m, "key-199999", 1)
	wantRow(t, m, "key-000000", 0)
}
