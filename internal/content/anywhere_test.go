package content

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/unit"
)

// S4-05 (any node resolves any repository, version and chunk), S4-45, Q-17: 1,000 repositories with HOLDFAST_SOAK, sixteen without, of
// which some have two revisions; three nodes with caches of their own, with HOLDFAST_SOAK a tenth of what all of it takes. Random
// requests at random nodes get what git has.
func TestAnyNodeResolvesAnyRepositoryRevisionAndChunk(t *testing.T) {
	t.Parallel()
	repositories, requests, limit, bulk := 16, 300, unit.Bytes(10<<30), int64(50_000)
	if soak() > 1 {
		repositories, requests, limit, bulk = 1000, 20_000, 64<<20, 600_000
	}
	w := newWorld(t)
	w.cfg.KeepRevisions, w.cfg.FreeBytes, w.cfg.FreeInodes, w.cfg.CacheSize = 100, 0, 0, limit
	p := &library{nodes: &nodes{world: w, dir: shortDir(t)}, truth: map[string]string{}}
	for i := range repositories {
		name := fmt.Sprintf("source%d", i)
		course := w.course(name, coursegen.Options{
			Seed: uint64(1000 + i), Questions: 3, ServerFiles: coursegen.Bulk{Count: 2, Bytes: bulk},
		})
		p.volumes = append(p.volumes, &volume{name: name, course: course})
	}
	var all []*Content
	for range 3 {
		all = append(all, p.node())
	}
	p.published(all[0])
	for i, v := range p.volumes {
		if i%4 == 0 {
			commit(t, v.course, coursegen.OneQuestion)
			if _, err := all[i%3].Sync(t.Context(), SyncRequest{Source: v.name}, nil); err != nil {
				t.Fatal(err)
			}
			v.commits = append(v.commits, v.course.Head)
		}
	}
	p.ask(all, requests)
	for i, c := range all {
		s, err := c.Stats(t.Context(), control.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("node %d: %d warm, %d cold, %d MB fetched, %d MB evicted", i, s.Warm, s.Cold, s.Fetched>>20, s.Cache.EvictedBytes>>20)
		if s.Cache.Bytes > int64(limit) || s.Cold == 0 || s.Cache.EvictedBytes == 0 && soak() > 1 {
			t.Errorf("node %d: %+v", i, s.Cache)
		}
	}
}

// library is many repositories and what git has of them.
type library struct {
	*nodes
	volumes []*volume

	mu    sync.Mutex // protects truth
	truth map[string]string
}

// volume is a repository with the commits that were published.
type volume struct {
	name    string
	course  *coursegen.Course
	commits []string
}

// published waits until every repository has its first revision.
func (p *library) published(c *Content) {
	p.t.Helper()
	lifecycletest.Eventually(p.t, time.Duration(len(p.volumes))*2*time.Second, func() error {
		if done := count(p.t, c, "{s}.content_sources WHERE seq > 0"); done < len(p.volumes) {
			return fmt.Errorf("%d of %d sources are published", done, len(p.volumes))
		}
		return nil
	})
	for _, v := range p.volumes {
		v.commits = append(v.commits, v.course.Head)
	}
}

// ask sends requests from several callers at once.
func (p *library) ask(all []*Content, requests int) {
	p.t.Helper()
	const callers = 2
	var done sync.WaitGroup
	for caller := range callers {
		r := rand.New(rand.NewPCG(uint64(caller), 17)) //nolint:gosec // to be repeated
		done.Go(func() {
			for range requests / callers {
				if err := p.one(all[r.IntN(len(all))], r); err != nil {
					p.t.Error(err)
					return
				}
			}
		})
	}
	done.Wait()
}

// one asks a node for a question of some revision, and compares a file of it with git.
func (p *library) one(c *Content, r *rand.Rand) error {
	v := p.volumes[r.IntN(len(p.volumes))]
	revision := v.commits[r.IntN(len(v.commits))]
	questions := v.course.Questions()
	path := "questions/" + questions[r.IntN(len(questions))] + "/question.html"
	a, err := c.Ensure(context.Background(), EnsureRequest{Source: v.name, Revision: revision, Want: []string{"file:" + path, "serverFilesCourse"}, TTL: unit.Duration(time.Minute)})
	if err != nil {
		return fmt.Errorf("%s of %s at %s: %w", path, v.name, revision, err)
	}
	defer func() { _, _ = c.Release(context.Background(), LeaseRequest{Lease: a.Lease}) }() // it ends by itself, too
	have, err := os.ReadFile(filepath.Join(a.Dir, path))
	if err != nil {
		return err
	}
	want, err := p.git(v, revision, path)
	if err == nil && string(have) != want {
		err = fmt.Errorf("%s of %s at %s is not what git has", path, v.name, revision)
	}
	return err
}

// git returns what git has.
func (p *library) git(v *volume, revision, path string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := v.name + " " + revision + " " + path
	if text, ok := p.truth[key]; ok {
		return text, nil
	}
	text, err := execGit(context.Background(), v.course.Dir, "-c", "safe.directory=*", "show", revision+":"+path)
	p.truth[key] = string(text)
	return string(text), err
}
