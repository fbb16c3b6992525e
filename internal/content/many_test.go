package content

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/lifecycle/lifecycletest"
)

// S4-44: sources are synced by the dozen, with HOLDFAST_SOAK by the thousand, with memory that does not grow with them.
func TestManySourcesAreSyncedInTurnWithFlatMemory(t *testing.T) {
	t.Parallel()
	n := 12
	if soak() > 1 {
		n = 1000
	}
	w := newWorld(t)
	o := coursegen.Options{Seed: 99, Questions: 3, ServerFiles: coursegen.Bulk{Count: 1, Bytes: 1000}}
	template, err := coursegen.Generate(t.Context(), filepath.Join(t.TempDir(), "template"), o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		dir := filepath.Join(t.TempDir(), fmt.Sprintf("c%d", i))
		if err := os.CopyFS(dir, os.DirFS(template.Dir)); err != nil {
			t.Fatal(err)
		}
		w.cfg.Sources[fmt.Sprintf("source%d", i)] = SourceConfig{Git: dir}
	}
	w.cfg.KeepRevisions = 2
	c, _ := w.build()
	began := time.Now()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer stopContent(t, c)
	var most uint64
	lifecycletest.Eventually(t, time.Duration(n)*2*time.Second, func() error {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapInuse)
		if done := count(t, c, "{s}.content_sources WHERE seq > 0"); done < n {
			return fmt.Errorf("%d of %d sources are published", done, n)
		}
		return nil
	})
	t.Logf("%d sources in %v, heap at most %d MB", n, time.Since(began).Round(time.Millisecond), most>>20)
	if soak() > 1 && most > 512<<20 {
		t.Errorf("the heap grew to %d MB", most>>20)
	}
	// Somebody who asks does not wait for all of them.
	asked := time.Now()
	if _, err := c.Sync(t.Context(), SyncRequest{Source: fmt.Sprintf("source%d", n-1)}, nil); err != nil {
		t.Error(err)
	}
	t.Logf("one that is asked for takes %v", time.Since(asked).Round(time.Millisecond))
}
