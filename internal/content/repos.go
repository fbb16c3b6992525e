package content

import (
	"context"
	"sync"
	"time"

	"holdfast/internal/gitrepo"
	"holdfast/internal/lifecycle"
)

const (
	// reposAwake is how many mirrors that are not being synced keep the processes that read them, so that the next sync need not start
	// any: some two processes and 20 MB each.
	reposAwake = 8
	// reposRest is how long after its last sync a mirror's processes end.
	reposRest = time.Minute
	// indexesKept bounds the bytes of the stored indexes that are kept for the next syncs.
	indexesKept = 32 << 20
)

// repos are the open mirrors of those who sync. While the role is ours they stay open between syncs: what was examined once is not
// examined each time, and of those used last the reading processes stay. At other times each is closed after its use.
type repos struct {
	mu    sync.Mutex // protects the following
	keeps bool
	all   map[string]*repo // that nobody uses at this moment
	bytes int              // of all their indexes
}

// repo is an open mirror, with the index that was published from it last. It belongs to one sync at a time.
type repo struct {
	*gitrepo.Repo
	name  string
	cfg   SourceConfig // it was opened with
	used  time.Time
	awake bool // its processes may run

	index     []byte      // as stored; nil when it is not known
	published Publication // that it is the index of
}

// take returns the mirror of a source if it is open, with these settings. The caller gives it back.
func (m *repos) take(name string, cfg SourceConfig) *repo {
	r := m.remove(name)
	if r != nil && changed(r.cfg, cfg) {
		r.Rest()
		return nil
	}
	return r
}

func (m *repos) remove(name string) *repo {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.all[name]
	delete(m.all, name)
	if r != nil {
		m.bytes -= len(r.index)
	}
	return r
}

// give takes a mirror back.
func (m *repos) give(r *repo) {
	m.mu.Lock()
	if !m.keeps {
		m.mu.Unlock()
		r.Rest()
		return
	}
	r.used, r.awake = time.Now(), true
	m.all[r.name] = r
	if m.bytes += len(r.index); m.bytes > indexesKept {
		m.bytes -= len(r.index)
		r.index = nil
	}
	m.mu.Unlock()
	m.tire(reposAwake, reposRest)
}

// tire ends the processes of mirrors that were not used for so long, and of the least used of more than so many.
func (m *repos) tire(most int, after time.Duration) {
	for {
		r := m.tired(most, after)
		if r == nil {
			return
		}
		r.Rest()
		r.awake = false
		m.mu.Lock()
		if m.keeps {
			m.all[r.name] = r
			m.bytes += len(r.index)
		}
		m.mu.Unlock()
	}
}

// tired takes out a mirror whose processes are to end. A source that is to be synced at this very moment has its mirror opened once more.
func (m *repos) tired(most int, after time.Duration) (oldest *repo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	awake := 0
	for _, r := range m.all {
		if !r.awake {
			continue
		}
		awake++
		if oldest == nil || r.used.Before(oldest.used) {
			oldest = r
		}
	}
	if oldest == nil || awake <= most && time.Since(oldest.used) < after {
		return nil
	}
	delete(m.all, oldest.name)
	m.bytes -= len(oldest.index)
	return oldest
}

// keep keeps mirrors open until ctx ends.
func (m *repos) keep(ctx context.Context) {
	m.begin()
	defer m.end()
	lifecycle.Every(ctx, reposRest/4, nil, func(context.Context) { m.tire(reposAwake, reposRest) })
}

func (m *repos) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keeps, m.all, m.bytes = true, map[string]*repo{}, 0
}

// end ends the processes of all mirrors; of those in use they end when they are given back.
func (m *repos) end() {
	m.mu.Lock()
	all := m.all
	m.keeps, m.all, m.bytes = false, nil, 0
	m.mu.Unlock()
	for _, r := range all {
		r.Rest()
	}
}

// remember keeps the bytes of the index that was just published.
func (r *repo) remember(p Publication, data []byte) { r.published, r.index = p, data }

// stored returns the bytes of the index of a publication, if they are at hand. They are verified like those of the store.
func (r *repo) stored(p Publication) ([]byte, bool) {
	return r.index, r.index != nil && r.published.Index == p.Index
}
