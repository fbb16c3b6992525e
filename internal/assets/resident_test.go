package assets

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// noise returns bytes that no coding makes smaller, the same for each length.
func noise(n int) string {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(b) // never fails
	return string(b)
}

// Files from 16 KiB on lie in pages, and a set that takes another's place goes on with them, until most are of no use.
func TestPagesAreGoneOnWith(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{"keep.bin": noise(50_000), "small.bin": noise(minPaged - 1)})
	a := serving(t, b)
	first := a.set.Load()
	want := map[string]string{"keep.bin": noise(50_000), "small.bin": noise(minPaged - 1)}
	old := first.resources["keep.bin"].variants[0]
	if old.memory == nil || old.memory.pages == nil || !first.resources["small.bin"].variants[0].whole() {
		t.Fatalf("in memory: %+v and %+v", old.memory, first.resources["small.bin"].variants[0].memory)
	}
	for n := range 4 {
		want["changing.bin"] = noise(40_000 + n)
		b.write("changing.bin", want["changing.bin"])
		before := a.set.Load().pages
		if n == 2 {
			before.used += 4 << 20 // as after a hundred changes whose files have gone
		}
		if _, err := a.Build(t.Context()); err != nil {
			t.Fatal(err)
		}
		if kept := a.set.Load().pages == before; kept != (n != 2) {
			t.Errorf("change %d: kept %t", n, kept)
		}
		for name, content := range want {
			if got := text(t, ask(t, a, "GET", "/static/"+name)); got != content {
				t.Fatalf("after change %d, %s has %d other bytes", n, name, len(got))
			}
			_, r, err := a.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != content || r.Close() != nil {
				t.Fatalf("after change %d, %s: %d bytes, %v", n, name, len(got), err)
			}
		}
	}
	if part := text(t, ask(t, a, "GET", "/static/keep.bin", "Range: bytes=4090-4100")); part != want["keep.bin"][4090:4101] {
		t.Error("a part of pages is wrong")
	}
	var got strings.Builder
	r, err := old.open(0, old.Size)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(&got, r); err != nil || got.String() != want["keep.bin"] {
		t.Error("what an answer under way has is gone", err)
	}
}

// Without such memory everything is held as it is.
func TestWithoutPagesBytesAreHeldAsTheyAre(t *testing.T) {
	t.Parallel()
	var none *pages
	r := none.hold([]byte(noise(40_000)))
	if all, err := r.all(); err != nil || string(all) != noise(40_000) || r.pages != nil {
		t.Error(fmt.Sprint(len(all), err))
	}
}
