package content

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// soak returns how much larger than usual a test is to be: HOLDFAST_SOAK, or 1.
func soak() int {
	n, err := strconv.Atoi(os.Getenv("HOLDFAST_SOAK"))
	if err != nil || n < 1 {
		if os.Getenv("HOLDFAST_SOAK") != "" {
			return 20
		}
		return 1
	}
	return n
}

// model is a store of made-up parts that publishers, a collector and people with pins work on at once.
type model struct {
	*testing.T
	w        *world
	universe []treepack.Part
}

func newModel(t *testing.T) *model {
	w := newWorld(t)
	m := &model{T: t, w: w}
	for i := range 300 {
		text := fmt.Sprintf("part %d", i)
		m.universe = append(m.universe, treepack.Part{
			ID:     treepack.PartID{Kind: treepack.WholeTree, ID: treepack.HashObject(treepack.SHA1, "tree", []byte(text))},
			SHA256: sha256.Sum256([]byte(text)), Plain: int64(len(text)), Packed: int64(len(text)), Files: 1,
		})
	}
	w.store = flaky{w.store, &sync.Mutex{}, rand.New(rand.NewPCG(1, 2))}
	return m
}

// flaky is a store in which one operation of fifty fails, before or after it was done.
type flaky struct {
	blob.Store
	mu  *sync.Mutex // protects rng
	rng *rand.Rand
}

var errFlaky = fault.New(fault.Unavailable, "flaky", "the store failed on purpose")

func (f flaky) dice() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.IntN(100)
}

func (f flaky) fail(do func() error) error {
	switch f.dice() {
	case 0:
		return errFlaky
	case 1:
		return errors.Join(do(), errFlaky)
	}
	return do()
}

func (f flaky) Put(ctx context.Context, name blob.Name, body io.Reader, o blob.PutOptions) (info blob.Info, err error) {
	return info, f.fail(func() error { info, err = f.Store.Put(ctx, name, body, o); return err })
}

func (f flaky) Delete(ctx context.Context, name blob.Name) error {
	return f.fail(func() error { return f.Store.Delete(ctx, name) })
}

// publisher publishes random sets of parts, and dies at random moments.
func (m *model) publisher(ctx context.Context, c *Content, source string, rng *rand.Rand, published func()) {
	for ctx.Err() == nil {
		life, die := context.WithCancel(ctx)
		if rng.IntN(4) == 0 {
			time.AfterFunc(time.Duration(rng.IntN(20))*time.Millisecond, die)
		}
		err := m.publishOne(life, c, source, rng)
		die()
		gone := (*partsGone)(nil)
		switch {
		case err == nil:
			published()
		case life.Err() != nil, errors.Is(err, errFlaky), errors.As(err, &gone), errors.Is(err, errSuperseded):
		default:
			m.Errorf("publish of %s: %v", source, err)
		}
	}
}

func (m *model) publishOne(ctx context.Context, c *Content, source string, rng *rand.Rand) error {
	id, err := c.sourceID(ctx, source)
	if err != nil {
		return err
	}
	now, err := c.currents(ctx, id)
	if err != nil {
		return err
	}
	r := &release{token: c.producer.role.held(), report: &Report{Source: source}}
	r.Publication = Publication{Source: source, source: id, Seq: 1, Commit: m.universe[0].ID.ID, root: m.universe[0].ID.ID, preset: []byte("p")}
	if len(now) > 0 {
		r.Seq = now[0].Seq + 1
	}
	r.Index = blob.Name(fmt.Sprintf("content/rev/%s/%d-%x", source, r.Seq, rng.Uint64()))
	for _, part := range m.universe {
		if rng.IntN(20) == 0 {
			r.parts = append(r.parts, part)
		}
	}
	if len(r.parts) == 0 {
		return nil
	}
	if err := m.store(ctx, c, r.parts); err != nil {
		return err
	}
	if err := c.putIndex(ctx, r.Index, []byte("index")); err != nil {
		return err
	}
	return c.release(ctx, r)
}

// store does what a sync does with parts that it packed: see upload.store.
func (m *model) store(ctx context.Context, c *Content, parts []treepack.Part) error {
	var ids []treepack.PartID
	sums := map[treepack.PartID]treepack.Part{}
	for _, p := range parts {
		ids = append(ids, p.ID)
		sums[p.ID] = p
	}
	known, err := c.takeUp(ctx, ids)
	if err != nil {
		return err
	}
	j := &job{c: c, step: quiet, report: &Report{}}
	u := &upload{job: j, ix: &revision.Index{}, known: known, total: len(ids)}
	for _, id := range ids {
		if err := u.storePacked(ctx, sums[id], memorySpool("part")); err != nil {
			return errors.Join(err, u.flush(context.WithoutCancel(ctx)))
		}
	}
	return u.flush(ctx)
}

func memorySpool(text string) *spool {
	s := newSpool("")
	_, _ = s.Write([]byte(text)) // memory
	return s
}

func txSnapshot() pgx.TxOptions {
	return pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
}

// whole fails unless all parts of all living revisions have a row and bytes, at one moment.
func (m *model) whole(c *Content) {
	m.Helper()
	tx, err := c.db.Begin(context.Background(), txSnapshot())
	if err != nil {
		m.Fatal(err)
	}
	defer tx.Rollback(context.Background()) //nolint:errcheck // it only reads
	var missing int
	err = tx.QueryRow(context.Background(), c.q(`SELECT count(*) FROM {s}.content_revisions r, unnest(r.parts) AS u (id)
		LEFT JOIN {s}.content_parts p USING (id) WHERE r.dropped_at IS NULL AND (p.id IS NULL OR p.state NOT IN ('present', 'doomed'))`)).Scan(&missing)
	if err != nil {
		m.Fatal(err)
	}
	if missing > 0 {
		m.Fatalf("%d parts of living revisions have no row, or are being deleted", missing)
	}
}

// The model test of the collection: whatever publishes, pins, collects and dies at the same time, no part that a living revision
// needs is deleted, and what nothing needs is gone after two collections.
func TestTheCollectionNeverDeletesWhatIsNeededAndLeavesNothingElse(t *testing.T) {
	t.Parallel()
	m := newModel(t)
	m.w.cfg.KeepRevisions, m.w.cfg.Grace = 2, 1 // a nanosecond: nothing but the locks protects a part
	for i := range 4 {
		m.w.cfg.Sources[fmt.Sprintf("s%d", i)] = SourceConfig{Git: "/none"}
	}
	c, _ := m.w.build()
	c.deleteWait = 20 * time.Millisecond
	own(t, c)
	var work sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second*time.Duration(soak()))
	defer cancel()
	var mu sync.Mutex // protects the next
	published, collected := 0, 0
	enough := func() {
		if published > 60*soak() && collected > 60*soak() {
			cancel()
		}
	}
	for i := range 4 {
		work.Go(func() {
			m.publisher(ctx, c, fmt.Sprintf("s%d", i), rand.New(rand.NewPCG(uint64(i), 7)), func() {
				mu.Lock()
				defer mu.Unlock()
				published++
				enough()
			})
		})
	}
	work.Go(func() {
		for ctx.Err() == nil {
			report, err := c.collect(ctx, false, quiet)
			mu.Lock()
			collected += report.Deleted.Parts
			enough()
			mu.Unlock()
			if err != nil && !errors.Is(err, errFlaky) && ctx.Err() == nil {
				t.Errorf("collect: %v", err)
			}
			m.whole(c)
		}
	})
	work.Go(func() { m.pinner(ctx, c, rand.New(rand.NewPCG(3, 9))) })
	work.Wait()
	t.Logf("%d publishes, %d parts deleted", published, collected)
	if published < 10 || collected < 10 {
		t.Errorf("%d publishes and %d deleted parts prove nothing", published, collected)
	}
	m.settle(c)
	eventually(t, "the server counts its deadlocks", func() bool {
		return count(t, c, "pg_stat_database WHERE datname = current_database() AND xact_commit > 0") == 1
	})
	if n := count(t, c, "pg_stat_database WHERE datname = current_database() AND deadlocks > 0"); n > 0 {
		t.Error("transactions waited for each other in a circle")
	}
}

// pinner pins and unpins what is current or was.
func (m *model) pinner(ctx context.Context, c *Content, rng *rand.Rand) {
	for ctx.Err() == nil {
		source := fmt.Sprintf("s%d", rng.IntN(4))
		if rng.IntN(2) == 0 {
			_, _ = c.Pin(ctx, PinRequest{Source: source, Name: "p"}) // there may be nothing to pin
		} else {
			_, _ = c.Unpin(ctx, UnpinRequest{Source: source, Name: "p"})
		}
	}
}

// settle collects twice in peace, and compares what is left with what the living revisions need.
func (m *model) settle(c *Content) {
	m.Helper()
	c.store = c.store.(flaky).Store //nolint:forcetypeassert // newModel made it
	for range 2 {
		if _, err := c.db.Exec(context.Background(), c.q("DELETE FROM {s}.content_pins")); err != nil {
			m.Fatal(err)
		}
		eventually(m.T, "the claims of the dead are over", func() bool {
			return count(m.T, c, "{s}.content_parts WHERE state = 'deleting' AND state_at > clock_timestamp() - interval '20 ms'") == 0
		})
		collect(m.T, c, false)
	}
	m.whole(c)
	need := count(m.T, c, "(SELECT DISTINCT unnest(parts) FROM {s}.content_revisions) AS x")
	if rows, stored := count(m.T, c, "{s}.content_parts"), blobs(m.T, c.store, "content/v1/"); rows != need || stored < need {
		m.Errorf("%d parts are needed; there are %d rows and %d blobs", need, rows, stored)
	}
	rows, err := c.partRows(context.Background(), "true")
	if err != nil {
		m.Fatal(err)
	}
	for _, row := range rows {
		if _, err := c.store.Stat(context.Background(), blob.Name(row.part.BlobName())); err != nil {
			m.Errorf("part %s: %v", row.part.ID, err)
		}
	}
}
