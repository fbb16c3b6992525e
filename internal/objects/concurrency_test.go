package objects_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"holdfast/internal/objects"
)

var errEOF = io.EOF

// crowd runs f in n goroutines and waits for them.
func crowd(n int, f func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	all.Wait()
}

func TestOfFiftyConditionalCreatesExactlyOneWins(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	both := []*objects.Index{a, w.start()}
	for round := range 10 {
		var won, lost atomic.Int32
		key := fmt.Sprintf("k%d", round)
		crowd(50, func(i int) {
			_, err := tryPut(both[i%2], key, fmt.Sprint(i), func(p *objects.Put) { p.Condition.IfNoneMatch = "*" })
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, objects.ErrPrecondition):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
		if won.Load() != 1 || lost.Load() != 49 {
			t.Errorf("%d won, %d lost", won.Load(), lost.Load())
		}
	}
	eventually(t, "no blob of a loser", func() bool { return count(t, w, "blobs/") == 10 })
}

func TestOfFiftyConditionalReplacementsExactlyOneWins(t *testing.T) {
	t.Parallel()
	w, a := running(t)
	both := []*objects.Index{a, w.start()}
	first := put(t, a, "k", "first")
	var won atomic.Int32
	crowd(50, func(i int) {
		_, err := tryPut(both[i%2], "k", fmt.Sprint(i), func(p *objects.Put) { p.Condition.IfMatch = first.ETag })
		if err == nil {
			won.Add(1)
		} else if !errors.Is(err, objects.ErrPrecondition) {
			t.Error(err)
		}
	})
	if won.Load() != 1 {
		t.Errorf("%d won", won.Load())
	}
}

// The limit on the number of objects is exact, however many write at once, and through however many processes.
func TestTheCountLimitIsExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	w, a := running(t, objects.Bucket{Name: "bucket", MaxObjects: 20})
	both := []*objects.Index{a, w.start()}
	var stored, refused atomic.Int64
	crowd(60, func(i int) {
		_, err := tryPut(both[i%2], fmt.Sprintf("k%d", i), "text")
		switch {
		case err == nil:
			stored.Add(1)
		case errors.Is(err, objects.ErrTooManyObjects):
			refused.Add(1)
		default:
			t.Error(err)
		}
	})
	if stored.Load() != 20 || refused.Load() != 40 {
		t.Errorf("%d stored, %d refused", stored.Load(), refused.Load())
	}
	n, _, err := a.Usage(t.Context(), "bucket")
	if err != nil || n != 20 {
		t.Errorf("usage %d, %v", n, err)
	}
	page, err := a.List(t.Context(), objects.ListQuery{Bucket: "bucket", Limit: 1000})
	if err != nil || len(page.Objects) != 20 {
		t.Fatalf("%d objects, %v", len(page.Objects), err)
	}
	put(t, a, page.Objects[0].Key, "replacing is allowed")
	del(t, a, ref(page.Objects[1].Key))
	put(t, a, "one more", "text")
	_, err = tryPut(a, "one too many", "text")
	want(t, err, objects.ErrTooManyObjects)
}

// Many writers, deleters and readers on few keys, through two processes: afterwards everything fits together.
func TestConcurrentOperationsLeaveEverythingConsistent(t *testing.T) {
	t.Parallel()
	for _, mode := range []objects.Versioning{objects.VersioningOff, objects.VersioningEnabled, objects.VersioningSuspended} {
		t.Run("versioning "+string(mode), func(t *testing.T) {
			t.Parallel()
			w, a := running(t, objects.Bucket{Name: "bucket", Versioning: mode, KeepVersions: 3})
			both := []*objects.Index{a, w.start()}
			crowd(16, func(i int) {
				x := both[i%2]
				for n := range soak(60, 2000) {
					stir(t, x, fmt.Sprintf("k%d", rand.IntN(3)), n)
				}
			})
			checkConsistency(t, w, both)
		})
	}
}

// stir does one random thing to a key.
func stir(t *testing.T, x *objects.Index, k string, n int) {
	switch rand.IntN(6) {
	case 0, 1, 2:
		if _, err := tryPut(x, k, fmt.Sprint(k, n)); err != nil {
			t.Errorf("put: %v", err)
		}
	case 3:
		if d := del(t, x, ref(k)); d.Err != nil {
			t.Errorf("delete: %v", d.Err)
		}
	case 4:
		page, _, err := x.ListVersions(t.Context(), objects.ListQuery{Bucket: "bucket", Prefix: k, Limit: 10}, 0)
		if err != nil {
			t.Errorf("list versions: %v", err)
		} else if len(page.Objects) > 0 {
			o := page.Objects[rand.IntN(len(page.Objects))]
			del(t, x, objects.Ref{Bucket: "bucket", Key: k, Generation: o.Generation})
		}
	case 5:
		if _, err := x.Head(t.Context(), ref(k)); err != nil && !errors.Is(err, objects.ErrNoSuchKey) {
			t.Errorf("head: %v", err)
		}
	}
}

// checkConsistency proves the invariants of the tables, of the store and of what the processes think is dead.
func checkConsistency(t *testing.T, w *world, all []*objects.Index) {
	t.Helper()
	conn := w.pg.Conn(t)
	for what, query := range map[string]string{
		"a version above the current object": `SELECT count(*) FROM holdfast.versions v JOIN holdfast.objects o USING (bucket, key) WHERE v.gen >= o.gen`,
		"a key whose newest version is hidden": `SELECT count(*) FROM (SELECT DISTINCT ON (bucket, key) * FROM holdfast.versions ORDER BY bucket, key, gen DESC) v
			WHERE NOT marker AND NOT EXISTS (SELECT FROM holdfast.objects o WHERE o.bucket = v.bucket AND o.key = v.key)`,
		"two null versions": `SELECT count(*) FROM holdfast.versions v JOIN holdfast.objects o USING (bucket, key) WHERE v.null_id AND o.null_id`,
		"usage that is wrong": `SELECT abs((SELECT sum(objects) FROM holdfast.bucket_usage) - (SELECT count(*) FROM holdfast.objects))
			+ abs((SELECT sum(bytes) FROM holdfast.bucket_usage) - (SELECT coalesce(sum(size), 0) FROM holdfast.objects))`,
		"a row that was a lock only": `SELECT count(*) FROM holdfast.objects WHERE gen = 0`,
		"too many versions":          `SELECT count(*) FROM (SELECT FROM holdfast.versions WHERE NOT marker GROUP BY bucket, key HAVING count(*) > 3) x`,
	} {
		var n int64
		if err := conn.QueryRow(t.Context(), query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	rows, err := conn.Query(t.Context(), `SELECT blob, true FROM holdfast.objects UNION ALL SELECT blob, false FROM holdfast.versions WHERE NOT marker`)
	if err != nil {
		t.Fatal(err)
	}
	named := map[objects.BlobID]bool{}
	for rows.Next() {
		var id [16]byte
		var current bool
		if err := rows.Scan(&id, &current); err != nil {
			t.Fatal(err)
		}
		named[id] = current
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	eventually(t, "the blobs of all rows and no others", func() bool { return count(t, w, "blobs/") == len(named) })
	for id, current := range named {
		if _, err := w.blobs.Stat(t.Context(), id.BlobName()); err != nil {
			t.Errorf("a row names a blob that is not there: %v", err)
		}
		for _, x := range all {
			eventually(t, "deaths are known", func() bool { return x.Dead(id) != current })
		}
	}
}
