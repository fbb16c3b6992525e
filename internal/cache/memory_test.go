package cache_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/cache"
)

func text(maxBytes int64) *cache.Memory[string] {
	return cache.NewMemory(maxBytes, func(k, v string) int64 { return int64(len(k) + len(v)) })
}

// Row S1-28: an entry ends when its time is over, not a moment later, whether it is swept or not.
func TestAnEntryEndsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := text(1e6)
		m.Set("a", "1", time.Second)
		m.Set("b", "2", 0)
		time.Sleep(time.Second - time.Microsecond)
		if _, ok := m.Get("a"); !ok {
			t.Error("gone before its time")
		}
		time.Sleep(time.Microsecond)
		if _, ok := m.Get("a"); ok {
			t.Error("there after its time")
		}
		if v, ok := m.Get("b"); !ok || v != "2" {
			t.Error("an entry without an end is gone")
		}
		m.Set("c", "3", time.Second)
		time.Sleep(2 * time.Second)
		if n := m.Sweep(10); n != 1 || m.Stats().Entries != 1 {
			t.Errorf("swept %d; %+v", n, m.Stats())
		}
	})
}

func TestTheOneUsedLongestAgoMakesRoom(t *testing.T) {
	t.Parallel()
	m := text(3 * (cache.Overhead + 2))
	for _, k := range []string{"a", "b", "c"} {
		m.Set(k, "x", 0)
	}
	m.Get("a")
	m.Peek("b") // looks, and uses nothing
	m.Set("d", "x", 0)
	if _, _, ok := m.Peek("b"); ok {
		t.Error("b stayed")
	}
	for _, k := range []string{"a", "c", "d"} {
		if _, _, ok := m.Peek(k); !ok {
			t.Errorf("%s went", k)
		}
	}
	if m.Set("e", string(make([]byte, 2000)), 0) {
		t.Error("a value larger than the cache was taken")
	}
}

// Row S1-50: each reason of a miss is counted as itself.
func TestMissesAreCountedByReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := text(2 * (cache.Overhead + 2))
		m.Get("a")
		m.Set("a", "x", time.Second)
		time.Sleep(time.Second)
		m.Get("a")
		m.Set("b", "x", 0)
		m.Set("c", "x", 0)
		m.Set("d", "x", 0)
		m.Get("b")
		m.Get("d")
		s := m.Stats()
		if s.MissesNever != 1 || s.MissesExpired != 1 || s.MissesEvicted != 1 || s.Hits != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// The model is a map; sizes are such that nothing is evicted.
func TestItAgreesWithAMap(t *testing.T) {
	t.Parallel()
	m, model := text(1e9), map[string]string{}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		k, v := strconv.Itoa(r.IntN(300)), strconv.Itoa(r.IntN(1000))
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			m.Set(k, v, time.Duration(r.IntN(2))*time.Hour)
			model[k] = v
		case 4, 5:
			_, had := model[k]
			if m.Delete(k) != had {
				t.Fatalf("delete %s", k)
			}
			delete(model, k)
		case 6:
			if r.IntN(50) == 0 {
				for name := range model {
					if name[0] == k[0] {
						delete(model, name)
					}
				}
				m.DeletePrefix(k[:1])
			}
		default:
			got, ok := m.Get(k)
			if want, had := model[k]; ok != had || got != want {
				t.Fatalf("%s: %q %t; want %q %t", k, got, ok, want, had)
			}
		}
	}
	if s := m.Stats(); s.Entries != len(model) || s.Evictions > 0 {
		t.Errorf("%+v; want %d entries", s, len(model))
	}
	sum := int64(0)
	for k, v := range model {
		sum += int64(len(k)+len(v)) + cache.Overhead
	}
	if got := m.Stats().Bytes; got != sum {
		t.Errorf("%d bytes counted; want %d", got, sum)
	}
}

func TestAScanMeetsWhatStaysOnce(t *testing.T) {
	t.Parallel()
	m := text(1e9)
	for i := range 1000 {
		m.Set(fmt.Sprint("stay", i), "x", 0)
		m.Set(fmt.Sprint("go", i), "x", 0)
	}
	seen := map[string]int{}
	for cursor, n := uint64(0), 0; ; n++ {
		items, next := m.Scan(cursor, 7)
		for _, i := range items {
			seen[i.Key]++
		}
		m.Delete(fmt.Sprint("go", n))
		m.Set(fmt.Sprint("new", n), "x", 0)
		m.Set(fmt.Sprint("stay", n%1000), "another", 0)
		if cursor = next; next == 0 {
			break
		}
	}
	for i := range 1000 {
		if n := seen[fmt.Sprint("stay", i)]; n != 1 {
			t.Fatalf("stay%d was met %d times", i, n)
		}
	}
}

func TestTheBoundHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	const most = 50_000
	m := text(most)
	stop := make(chan struct{})
	var watch, work sync.WaitGroup
	watch.Go(func() {
		for {
			if b := m.Stats().Bytes; b > most || b < 0 {
				t.Errorf("%d bytes", b)
				return
			}
			select {
			case <-stop:
				return
			default:
				runtime.Gosched()
			}
		}
	})
	for w := range 4 {
		work.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 5000 {
				k := strconv.Itoa(r.IntN(500))
				switch r.IntN(4) {
				case 0, 1:
					m.Set(k, string(make([]byte, r.IntN(3000))), time.Duration(r.IntN(3))*time.Millisecond)
				case 2:
					m.Get(k)
				default:
					m.Delete(k)
				}
			}
		})
	}
	work.Wait()
	close(stop)
	watch.Wait()
	n := 0
	m.Range(func(string, string) bool { n++; return true })
	m.Sweep(1e6)
	if s := m.Stats(); n < s.Entries {
		t.Errorf("met %d of %d", n, s.Entries)
	}
}

// What is counted for an entry is not less than what it takes, by the heap of the process.
func TestTheBoundIsThatOfTheHeap(t *testing.T) { // not parallel: it measures the heap
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	for _, size := range []int{10, 1000} {
		before := heap()
		m := text(1e9)
		for i := range 100_000 {
			m.Set(fmt.Sprintf("key:%08d", i), string(make([]byte, size)), time.Hour)
		}
		took := int64(heap() - before)
		counted := m.Stats().Bytes
		t.Logf("values of %d bytes: %d bytes counted, %d taken", size, counted, took)
		if took > counted*12/10 || took < counted/2 {
			t.Errorf("values of %d bytes: %d bytes counted, %d taken", size, counted, took)
		}
		runtime.KeepAlive(m)
	}
}

func TestChangesAreTold(t *testing.T) {
	t.Parallel()
	m := text(2 * (cache.Overhead + 2))
	var log []string
	m.OnChange(func(k string) { log = append(log, "+"+k) }, func(k, v string, why cache.Removal) {
		log = append(log, fmt.Sprintf("-%s%s %d", k, v, why))
	})
	m.Set("a", "1", 0)
	m.Set("a", "2", 0)
	m.Set("b", "1", 0)
	m.Set("c", "1", 0)
	m.Delete("b")
	if want := []string{"+a", "-a1 1", "+b", "-a2 3", "+c", "-b1 0"}; !slices.Equal(log, want) {
		t.Errorf("%q; want %q", log, want)
	}
}

func BenchmarkGet(b *testing.B) {
	m := text(1e9)
	for i := range 10_000 {
		m.Set(strconv.Itoa(i), "value", time.Hour)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Get("5000")
	}
}
