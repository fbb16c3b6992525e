package objects

import (
	"encoding/binary"
	"runtime"
	"testing"
	"time"
)

func numbered(i int) (id BlobID) {
	binary.BigEndian.PutUint64(id[8:], uint64(i)*0x9E3779B97F4A7C15) // spread over all shards
	binary.BigEndian.PutUint64(id[:], uint64(i))
	return id
}

func TestTheLaterEventOfABlobCountsInWhateverOrderTheyArrive(t *testing.T) {
	t.Parallel()
	d, now := newDeaths(), time.Now()
	id := numbered(1)
	if d.dead(id) {
		t.Error("dead before anything happened")
	}
	d.note(id, 9, now, false) // revived
	d.note(id, 5, now, true)  // killed earlier, heard of later
	if d.dead(id) {
		t.Error("an earlier death counts")
	}
	d.note(id, 10, now, true)
	d.note(id, 10, now, true)
	if !d.dead(id) || d.len() != 1 {
		t.Error("a later death does not count")
	}
}

func TestDeathsAreForgottenAfterTheirTimeAndNotBefore(t *testing.T) {
	t.Parallel()
	d, now := newDeaths(), time.Now()
	for i := range 1000 {
		d.note(numbered(i), int64(i+1), now.Add(-time.Duration(i)*time.Minute), true)
	}
	d.forget(now.Add(-10 * time.Minute))
	for i := range 1000 {
		if i <= 10 && !d.dead(numbered(i)) {
			t.Errorf("forgotten too early: %d minutes", i)
		}
		if i > 12 && d.dead(numbered(i)) {
			t.Errorf("kept too long: %d minutes", i)
		}
	}
}

func TestTheNumberOfADeathMayGrowForDecades(t *testing.T) {
	t.Parallel()
	d := newDeaths()
	at := fateEpoch.AddDate(15, 0, 0)
	d.note(numbered(1), 1<<40-2, at, true)
	d.note(numbered(1), 1<<40-1, at, false)
	if d.dead(numbered(1)) {
		t.Error("numbers overflow")
	}
	if f := newFate(7, at, true); f.at().Sub(at).Abs() > time.Minute {
		t.Errorf("%v became %v", at, f.at())
	}
}

// The bar: cleanup of a million objects within 256 MB; the deaths alone must be far below.
func TestAMillionDeathsFitInto64MB(t *testing.T) { // not parallel: it measures the heap
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d, now := newDeaths(), time.Now()
	for i := range 1_000_000 {
		d.note(numbered(i), int64(i+1), now, true)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	mb := float64(after.HeapAlloc-before.HeapAlloc) / (1 << 20)
	t.Logf("%.1f MB for %d deaths", mb, d.len())
	if mb > 64 {
		t.Errorf("%.1f MB", mb)
	}
	runtime.KeepAlive(d)
}

func BenchmarkDead(b *testing.B) {
	d, now := newDeaths(), time.Now()
	for i := range 1_000_000 {
		d.note(numbered(i), int64(i+1), now, true)
	}
	i := 0
	for b.Loop() {
		i++
		d.dead(numbered(i % 2_000_000))
	}
}
