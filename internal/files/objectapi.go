package files

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/link"
	"holdfast/internal/objects"
	"holdfast/internal/unit"
)

// maxPage is the most that a page of a listing holds, and a batch of deletes takes.
const maxPage = 1000

func (f *Files) listObjects(ctx context.Context, r ListObjectsRequest) (ListObjectsAnswer, error) {
	if r.Limit == 0 {
		r.Limit = maxPage
	}
	if r.Limit < 1 || r.Limit > maxPage {
		return ListObjectsAnswer{}, fault.New(fault.Usage, "bad_limit", "limit %d is not between 1 and %d", r.Limit, maxPage)
	}
	page, err := f.index.List(ctx, objects.ListQuery{
		Bucket: r.Bucket, Prefix: r.Prefix, Delimiter: r.Delimiter, After: r.After, Limit: r.Limit,
	})
	if err != nil {
		return ListObjectsAnswer{}, err
	}
	answer := ListObjectsAnswer{Objects: make([]ObjectInfo, len(page.Objects)), Prefixes: page.Prefixes, Next: page.Next}
	for i, o := range page.Objects {
		answer.Objects[i] = objectInfo(o)
	}
	return answer, nil
}

func (f *Files) statObject(ctx context.Context, r ObjectRef) (ObjectInfo, error) {
	o, err := f.index.Head(ctx, objects.Ref{Bucket: r.Bucket, Key: r.Key})
	if err != nil {
		return ObjectInfo{}, err
	}
	return objectInfo(o), nil
}

func (f *Files) deleteObjects(ctx context.Context, r DeleteObjectsRequest) (DeleteObjectsAnswer, error) {
	if len(r.Keys) > maxPage {
		return DeleteObjectsAnswer{}, fault.New(fault.Usage, "too_many_keys", "%d keys in one request, at most %d", len(r.Keys), maxPage)
	}
	refs := make([]objects.Ref, len(r.Keys))
	for i, key := range r.Keys {
		refs[i] = objects.Ref{Bucket: r.Bucket, Key: key}
	}
	results, err := f.index.Delete(ctx, refs, objects.Condition{})
	if err != nil {
		return DeleteObjectsAnswer{}, err
	}
	answer := DeleteObjectsAnswer{Deleted: make([]DeletedObject, len(results))}
	for i, d := range results {
		answer.Deleted[i] = DeletedObject{Key: d.Key, Found: d.Found}
		if d.Err != nil {
			answer.Deleted[i].Error, answer.Deleted[i].Code = d.Err.Error(), fault.CodeOf(d.Err)
		}
	}
	return answer, nil
}

// getContent streams an object to an administrator, with ranges.
func (f *Files) getContent(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	o, err := f.index.Head(r.Context(), objects.Ref{Bucket: q.Get("bucket"), Key: q.Get("key")})
	if err != nil {
		control.WriteError(w, err)
		return
	}
	e, err := f.entries.get(r.Context(), o.Blob)
	if err != nil {
		control.WriteError(w, err)
		return
	}
	a := &answer{entry: e, shape: e.saved, name: link.CleanName(o.Key), cache: "no-store"}
	if err := f.send(w, r, a); err != nil {
		control.WriteError(w, err)
	}
}

// putContent stores an object for an administrator.
func (f *Files) putContent(w http.ResponseWriter, r *http.Request) {
	p, err := f.putRequest(r)
	if err == nil {
		var o objects.Object
		if o, err = f.index.Put(r.Context(), p); err == nil {
			control.WriteJSON(w, http.StatusCreated, objectInfo(o))
			return
		}
	}
	var mine *fault.Error
	if in, ok := p.Body.(*intake); ok && errors.As(in.fault, &mine) {
		err = mine
	}
	control.WriteError(w, err)
}

func (f *Files) putRequest(r *http.Request) (objects.Put, error) {
	q := r.URL.Query()
	digest, err := announcedDigest(r.Header)
	if err != nil {
		return objects.Put{}, err
	}
	p := objects.Put{
		Bucket: q.Get("bucket"), Key: q.Get("key"), Size: r.ContentLength,
		Headers: objects.Headers{ContentType: q.Get("type")},
		Body:    newIntake(r.Context(), r.Body, digest),
	}
	if q.Get("create") != "" {
		p.Condition.IfNoneMatch = "*"
	}
	if ttl := q.Get("ttl"); ttl != "" {
		d, err := unit.ParseDuration(ttl)
		if err != nil || d <= 0 {
			return objects.Put{}, fault.New(fault.Usage, "bad_ttl", "ttl %q is no time span", ttl)
		}
		p.ExpiresAt = f.now().Add(d.D())
	}
	return p, nil
}

func objectInfo(o objects.Object) ObjectInfo {
	return ObjectInfo{
		Bucket: o.Bucket, Key: o.Key, Size: o.Size, ETag: o.ETag, Type: o.Headers.ContentType, Sniffed: o.Sniffed,
		Blob: hex.EncodeToString(o.Blob[:]), MD5: hex.EncodeToString(o.Digests.MD5), SHA256: hex.EncodeToString(o.Digests.SHA256), Created: o.Created,
		ExpiresAt: unlessZero(o.ExpiresAt), Metadata: o.Headers.User, Tags: o.Tags,
	}
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
