package assets

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// S3-17, and the promise of the package: builds are killed at any moment, one after the other. What the index and the
// manifests name is always there and whole, and the next build that lives gives what a first one would have given.
func TestAKilledBuildLeavesAWholeSet(t *testing.T) {
	t.Parallel()
	rounds := 10
	if os.Getenv("HOLDFAST_SOAK") != "" {
		rounds = 400
	}
	b := newBench(t, nil)
	write := func(round int) {
		for i := range 5 {
			b.write("js/m"+strconv.Itoa(i)+".js", long(fmt.Sprintf("export const round = %d", round))+fmt.Sprintf(`import "./m%d.js"; import "./leaf%d.js"`, (i+1)%5, i))
			b.write("js/leaf"+strconv.Itoa(i)+".js", fmt.Sprintf("export const leaf = %d", round*(i%3)))
		}
		b.write("css/main.css", fmt.Sprintf("/* %d */ @import 'other.css';", round)+long("a{}"))
		b.write("css/other.css", long("b{}"))
	}
	write(0)
	began := time.Now()
	b.build()
	usual := time.Since(began) + 100*time.Millisecond // with the start of a process
	killed := 0
	for round := 1; round <= rounds; round++ {
		before := b.index()
		write(round)
		if runKilled(t, filepath.Dir(b.config.Root), rand.N(usual)) {
			killed++
		}
		after := b.index()
		wholeSet(t, b, after)
		if !maps.Equal(after.Names, before.Names) && after.Sources["css/main.css"].SHA256 == before.Sources["css/main.css"].SHA256 {
			t.Fatalf("round %d: the index is a mixture", round)
		}
	}
	b.build()
	fresh := newBench(t, nil)
	fresh.config.Root = b.config.Root
	fresh.build()
	if !maps.Equal(fresh.index().Names, b.index().Names) {
		t.Error("after the crashes the names are others than those of a first build")
	}
	known := b.index()
	for path := range b.tree() {
		name := path
		for _, c := range codings() {
			name = strings.TrimSuffix(name, c.suffix())
		}
		_, plain := known.Names[name]
		if known.Files[name] == nil && !plain && !strings.HasSuffix(name, ".json") {
			t.Errorf("%s was left behind", path)
		}
	}
	if killed == 0 {
		t.Error("no build was killed: the test shows nothing")
	}
}

// runKilled builds in a child and kills it after a while. It reports whether the child died of that.
func runKilled(t *testing.T, dir string, after time.Duration) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), builderVariable+"="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	if err != nil && cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the build failed by itself: %v", err)
	}
	return err != nil
}

// wholeSet checks everything that the index and Django's manifest name.
func wholeSet(t *testing.T, b *bench, x *index) {
	t.Helper()
	for name, f := range x.Files {
		for _, p := range f.Variants {
			if got := b.output(name + p.Coding.suffix()); sum([]byte(got)) != p.SHA256 {
				t.Fatalf("%s in %s is not what the index says", name, p.Coding)
			}
		}
	}
	for logical, name := range x.Names {
		if x.Files[name] == nil {
			t.Fatalf("%s leads to %s, which is not there", logical, name)
		}
	}
	var d django
	if err := json.Unmarshal([]byte(b.output(djangoManifest)), &d); err != nil {
		t.Fatal(err)
	}
	for _, name := range d.Paths {
		if !b.has(name) {
			t.Fatalf("the manifest names %s, which is not there", name)
		}
	}
}
