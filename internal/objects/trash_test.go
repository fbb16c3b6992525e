package objects_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/objects"
)

// faulty is a store that fails on command.
type faulty struct {
	blob.Store
	move, remove, put atomic.Pointer[error]
	afterPut          atomic.Pointer[func()]
}

func failure(p *atomic.Pointer[error]) error {
	if err := p.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *faulty) Put(ctx context.Context, name blob.Name, body io.Reader, opts blob.PutOptions) (blob.Info, error) {
	if err := failure(&f.put); err != nil {
		return blob.Info{}, err
	}
	info, err := f.Store.Put(ctx, name, body, opts)
	if after := f.afterPut.Load(); after != nil && err == nil {
		(*after)()
	}
	return info, err
}

func (f *faulty) Move(ctx context.Context, from, to blob.Name) error {
	if err := failure(&f.move); err != nil {
		return err
	}
	return f.Store.Move(ctx, from, to)
}

func (f *faulty) Delete(ctx context.Context, name blob.Name) error {
	if err := failure(&f.remove); err != nil {
		return err
	}
	return f.Store.Delete(ctx, name)
}

func withFaults(t *testing.T) (*world, *faulty, *objects.Index) {
	t.Helper()
	w := newWorld(t)
	f := &faulty{Store: w.blobs}
	w.blobs = f
	x := w.start()
	if err := x.CreateBucket(t.Context(), objects.Bucket{Name: "bucket"}); err != nil {
		t.Fatal(err)
	}
	return w, f, x
}

func TestDeadBlobsGoToTheTrashAndAreDeletedAfterItsPeriod(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	o := put(t, x, "k", "text")
	put(t, x, "k", "new")
	eventually(t, "in the trash", func() bool { _, err := w.blobs.Stat(t.Context(), o.Blob.TrashName()); return err == nil })
	if n := count(t, w, "blobs/"); n != 1 {
		t.Errorf("%d blobs", n)
	}
	if text, err := w.blobs.Sidecar(t.Context(), o.Blob.TrashName()); err != nil || len(text) == 0 {
		t.Errorf("sidecar in the trash: %q, %v", text, err)
	}
	w.pg.Exec(t, "UPDATE holdfast.dead_blobs SET at = now() - interval '13 days'")
	eventually(t, "state", func() bool { return states(t, w)["trashed"] == 1 })
	if n := count(t, w, "trash/"); n != 1 {
		t.Errorf("deleted too early: %d", n)
	}
	w.pg.Exec(t, "UPDATE holdfast.dead_blobs SET at = now() - interval '15 days'")
	eventually(t, "deleted, and forgotten by the table", func() bool { return count(t, w, "trash/") == 0 && len(states(t, w)) == 0 })
}

// states counts the rows of dead_blobs by state.
func states(t *testing.T, w *world) map[string]int {
	t.Helper()
	conn := w.pg.Conn(t)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), "SELECT state, count(*) FROM holdfast.dead_blobs GROUP BY state")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var s string
		var n int
		if err := rows.Scan(&s, &n); err != nil {
			t.Fatal(err)
		}
		all[s] = n
	}
	return all
}

func TestMovesThatFailAreRepeatedByWhoeverCan(t *testing.T) {
	t.Parallel()
	w, f, x := withFaults(t)
	broken := errors.New("store is ill")
	f.move.Store(&broken)
	for i := range 10 {
		put(t, x, fmt.Sprint(i), "text")
		if d := del(t, x, ref(fmt.Sprint(i))); d.Err != nil || !d.Found {
			t.Fatalf("%+v", d)
		}
	}
	eventually(t, "the failure is known", func() bool { return errors.Is(x.Status().Troubles["trash"], broken) })
	if n := count(t, w, "blobs/"); n != 10 {
		t.Errorf("%d", n)
	}
	if err := x.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.move.Store(nil)
	w.start() // another process takes over, when the pause after a failure has passed
	eventually(t, "all in the trash", func() bool { return count(t, w, "blobs/") == 0 && count(t, w, "trash/") == 10 })
}

func TestAMoveThatWasDoneButNotRecordedIsHarmless(t *testing.T) {
	t.Parallel()
	w, x := running(t)
	o := put(t, x, "k", "text")
	del(t, x, ref("k"))
	eventually(t, "moved", func() bool { return states(t, w)["trashed"] == 1 })
	w.pg.Exec(t, "UPDATE holdfast.dead_blobs SET state = 'dying'")
	eventually(t, "moved again", func() bool { return states(t, w)["trashed"] == 1 })
	if _, err := w.blobs.Stat(t.Context(), o.Blob.TrashName()); err != nil {
		t.Error(err)
	}
}

func TestExpiredObjectsAreGoneAtOnceAndTheirBlobsSoon(t *testing.T) {
	t.Parallel()
	for _, mode := range []objects.Versioning{objects.VersioningOff, objects.VersioningEnabled} {
		t.Run("versioning "+string(mode), func(t *testing.T) {
			t.Parallel()
			w, x := running(t, objects.Bucket{Name: "bucket", ExpireAfter: time.Hour, Versioning: mode})
			soon := put(t, x, "soon", "text", func(p *objects.Put) { p.ExpiresAt = time.Now().Add(300 * time.Millisecond) })
			late := put(t, x, "late", "text")
			if d := time.Until(late.ExpiresAt); d < 59*time.Minute || d > time.Hour {
				t.Errorf("default expiry %v", late.ExpiresAt)
			}
			eventually(t, "expired for readers", func() bool {
				_, err := x.Head(t.Context(), ref("soon"))
				return errors.Is(err, objects.ErrNoSuchKey)
			})
			if time.Now().Before(soon.ExpiresAt) {
				t.Error("expired too early")
			}
			page, err := x.List(t.Context(), objects.ListQuery{Bucket: "bucket", Limit: 10})
			if err != nil || len(page.Objects) != 1 {
				t.Errorf("%+v, %v", page, err)
			}
			eventually(t, "links are dead", func() bool { return x.Dead(soon.Blob) })
			eventually(t, "usage", func() bool { n, _, err := x.Usage(t.Context(), "bucket"); return err == nil && n == 1 })
			if mode == objects.VersioningOff {
				eventually(t, "moved", func() bool { return count(t, w, "trash/") == 1 })
				return
			}
			if o, _ := x.Head(t.Context(), ref("soon")); !o.Marker {
				t.Errorf("%+v", o)
			}
		})
	}
}

// A crash or failure between blob and row: nobody sees the blob, and if the failure is certain it is deleted at once.
func TestABlobWhoseRowIsRefusedIsDeletedAtOnce(t *testing.T) {
	t.Parallel()
	w, f, x := withFaults(t)
	_, err := tryPut(x, "k", "text", func(p *objects.Put) { p.Condition.IfMatch = "*" })
	want(t, err, objects.ErrNoSuchKey)
	if n := count(t, w, ""); n != 0 {
		t.Errorf("%d blobs after a refusal", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stop := func() { cancel() }
	f.afterPut.Store(&stop) // the client goes away when the blob is durable
	_, err = x.Put(ctx, objects.Put{Bucket: "bucket", Key: "k", Body: &nothing{}})
	f.afterPut.Store(nil)
	if err == nil {
		return // the commit was faster
	}
	want(t, err, context.Canceled)
	if n := count(t, w, ""); n != 0 {
		t.Errorf("%d blobs after a cancellation", n)
	}
}

func TestAStoreThatFailsLeavesNoRow(t *testing.T) {
	t.Parallel()
	_, f, x := withFaults(t)
	full := error(blob.ErrFull)
	f.put.Store(&full)
	_, err := tryPut(x, "k", "text")
	want(t, err, blob.ErrFull)
	_, err = x.Head(t.Context(), ref("k"))
	want(t, err, objects.ErrNoSuchKey)
}
