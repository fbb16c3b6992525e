package objects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"holdfast/internal/blob/mem"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres/postgrestest"
)

// The database goes away and comes back: everything that needs it fails at once with a name, what is in memory goes on,
// and afterwards everything goes on without a restart.
func TestWhileTheDatabaseIsDownLinksGoOnAndTheRestFailsByName(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.Durable())
	w := &world{t: t, pg: postgrestest.MigratedOn(t, s, "objects", objects.Migrations), blobs: mem.New(), cfg: objects.Config{Sweep: 50 * time.Millisecond}}
	x := w.start()
	if err := x.CreateBucket(t.Context(), objects.Bucket{Name: "bucket"}); err != nil {
		t.Fatal(err)
	}
	live, old := put(t, x, "live", "live"), put(t, x, "old", "old")
	del(t, x, ref("old"))
	key, err := x.SigningKey(t.Context(), "bucket")
	if err != nil {
		t.Fatal(err)
	}
	for _, stop := range []func(testing.TB){s.Stop, s.Kill} {
		stop(t)
		eventually(t, "the last backend has noticed", func() bool { // one whose parent was killed answers for a moment longer
			_, err := x.Head(t.Context(), ref("live"))
			return errors.Is(err, objects.ErrUnavailable)
		})
		began := time.Now()
		if _, err := x.LinkKey(key.ID); err != nil {
			t.Error(err)
		}
		if x.Dead(live.Blob) || !x.Dead(old.Blob) {
			t.Error("deaths were forgotten")
		}
		if got := contents(t, x, live); got != "live" {
			t.Errorf("%q", got)
		}
		_, err = x.Head(t.Context(), ref("live"))
		want(t, err, objects.ErrUnavailable)
		_, err = tryPut(x, "new", "new")
		want(t, err, objects.ErrUnavailable)
		_, err = x.Delete(t.Context(), []objects.Ref{ref("live")}, objects.Condition{})
		want(t, err, objects.ErrUnavailable)
		_, err = x.List(t.Context(), objects.ListQuery{Bucket: "bucket", Limit: 1})
		want(t, err, objects.ErrUnavailable)
		_, err = x.Bucket(t.Context(), "unknown")
		want(t, err, objects.ErrUnavailable)
		_, err = x.Bucket(t.Context(), "bucket")
		if err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("failing took %v", took)
		}
		eventually(t, "trouble is told", func() bool { return x.Status().Troubles["poll"] != nil })
		s.Start(t)
		lifecycletest.Eventually(t, 10*time.Second, func() error { _, err := x.Head(t.Context(), ref("live")); return err })
		old = put(t, x, "old", "old")
		del(t, x, ref("old"))
		eventually(t, "all is well", func() bool { return len(x.Status().Troubles) == 0 })
	}
}

// The server is killed under many writers: what was acknowledged is there, and no row is without its blob.
func TestAKilledDatabaseLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	s := pgtest.Cluster(t, pgtest.Durable())
	w := &world{t: t, pg: postgrestest.MigratedOn(t, s, "objects", objects.Migrations), blobs: mem.New(), cfg: objects.Config{Sweep: 50 * time.Millisecond}}
	x := w.start()
	if err := x.CreateBucket(t.Context(), objects.Bucket{Name: "bucket"}); err != nil {
		t.Fatal(err)
	}
	for round := range soak(2, 20) {
		acknowledged := make([][]string, 8)
		ctx, cancel := context.WithCancel(t.Context())
		crowd(9, func(i int) {
			if i == 8 {
				eventually(t, "some writes", func() bool { n, _, err := x.Usage(ctx, "bucket"); return err == nil && n > int64(round*100+50) })
				s.Kill(t)
				cancel()
				return
			}
			for n := 0; ctx.Err() == nil && n < 5000; n++ {
				k := fmt.Sprintf("%d/%d/%d", round, i, n)
				if _, err := x.Put(ctx, objects.Put{Bucket: "bucket", Key: k, Size: int64(len(k)), Body: bytes.NewReader([]byte(k))}); err == nil {
					acknowledged[i] = append(acknowledged[i], k)
				}
			}
		})
		s.Start(t)
		lifecycletest.Eventually(t, 10*time.Second, func() error {
			_, err := x.Head(t.Context(), ref("nope"))
			if errors.Is(err, objects.ErrNoSuchKey) {
				return nil
			}
			return err
		})
		crowd(len(acknowledged), func(i int) {
			for _, k := range acknowledged[i] {
				o, err := x.Head(t.Context(), ref(k))
				if err != nil || o.Size != int64(len(k)) {
					t.Errorf("%s: %+v, %v", k, o, err)
				}
			}
		})
	}
	rowsHaveBlobs(t, w)
}

// rowsHaveBlobs fails if a row names a blob that is not in the store.
func rowsHaveBlobs(t *testing.T, w *world) (n int) {
	t.Helper()
	rows, err := w.pg.Conn(t).Query(t.Context(), "SELECT blob FROM holdfast.objects UNION ALL SELECT blob FROM holdfast.versions WHERE NOT marker")
	if err != nil {
		t.Fatal(err)
	}
	for ; rows.Next(); n++ {
		var id [16]byte
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		if _, err := w.blobs.Stat(t.Context(), objects.BlobID(id).BlobName()); err != nil {
			t.Errorf("row without blob: %v", err)
		}
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return n
}

func TestTheIndexKeepsTheContractOfServices(t *testing.T) {
	w := newWorld(t)
	db := w.connect()
	lifecycletest.Stress(t, func() lifecycle.Service {
		return objects.New(objects.Options{DB: db, Blobs: w.blobs})
	})
}

func TestADatabaseThatCannotHoldTheIndexIsRefused(t *testing.T) {
	t.Parallel()
	d := pgtest.Database(t)
	x := objects.New(objects.Options{DB: postgrestest.Connect(t, d.URL()), Blobs: mem.New()})
	if err := x.Start(t.Context()); err == nil {
		t.Error("started without tables")
	}
	if err := x.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

// Connections that the server ended a moment ago are still in the pool: neither lookups nor writes stumble over them.
func TestConnectionsThatBrokeWhileTheyWereIdleHurtNobody(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	for i := range 20 {
		put(t, x, "k", fmt.Sprint(i))
		w.pg.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'holdfast' AND datname = current_database() AND state = 'idle'`)
		if got := read(t, x, ref("k")); got != fmt.Sprint(i) {
			t.Errorf("%q", got)
		}
		if _, err := x.Head(t.Context(), ref("nope")); !errors.Is(err, objects.ErrNoSuchKey) {
			t.Error(err)
		}
	}
}
