package objects

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Delete deletes each of the refs and reports each result; the error is for the batch as a whole. Deleting what is not
// there succeeds with Found false; conditions are not asked then (S3 DeleteObject).
func (x *Index) Delete(ctx context.Context, refs []Ref, cond Condition) ([]Deleted, error) {
	out := make([]Deleted, len(refs))
	var work sync.WaitGroup
	turns := make(chan struct{}, maxBatch) // so many wait in the queue of commits at once
	for i, r := range refs {
		turns <- struct{}{}
		work.Go(func() {
			out[i] = x.deleteOne(ctx, r, cond)
			<-turns
		})
	}
	work.Wait()
	var failed error
	for _, d := range out {
		if d.Err == nil || !errors.Is(d.Err, ErrUnavailable) && ctx.Err() == nil {
			return out, nil
		}
		failed = d.Err
	}
	return out, failed
}

func (x *Index) deleteOne(ctx context.Context, r Ref, cond Condition) Deleted {
	d := Deleted{Ref: r}
	if checkKey(r.Key) != nil { // nothing was ever stored under such a key
		_, d.Err = x.bucket(ctx, r.Bucket)
		return d
	}
	w := write{op: opDelete, key: r.Key, gen: r.Generation, cond: cond}
	if r.Generation != 0 || r.NullVersion {
		w.op = opVersion
	}
	var done written
	d.Err = x.withBucket(ctx, r.Bucket, func(b *bucketRow) (err error) {
		w.bucket = b.id
		if done, err = x.commit(ctx, &w); err == nil {
			err = done.err()
		}
		return err
	})
	if d.Err != nil {
		d.Err = fmt.Errorf("delete %s/%s: %w", r.Bucket, r.Key, d.Err)
		return d
	}
	d.Found = done.has(flagFound)
	d.WasLatest = done.has(flagWasLatest) || w.op == opDelete && d.Found
	d.Marker = done.has(flagMarkerMade) || done.has(flagWasMarker)
	if d.Marker {
		d.MarkerGen = done.gen
	}
	return d
}
