package assets

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"holdfast/internal/lane"
)

// Lanes returns what of Routes may be answered on an event loop, under the same patterns.
func (a *Assets) Lanes() map[string]lane.Handler {
	return map[string]lane.Handler{a.config().URL: assetLane{a}}
}

// assetLane answers whole assets, parts of them, and that they did not change. What is refused or unknown is net/http's
// to answer.
type assetLane struct{ *Assets }

// Answer implements lane.Handler.
func (a assetLane) Answer(q *lane.Request, r *lane.Reply) lane.Verdict {
	path := view(q.Path)
	if bytes.IndexByte(q.Path, '%') >= 0 {
		var err error
		if path, err = url.PathUnescape(path); err != nil {
			return lane.NotMine
		}
	}
	found := a.set.Load().answer(&Query{
		Method: q.Method, Path: path, AcceptEncoding: view(q.Get(lane.AcceptEncoding)), Origin: view(q.Get(lane.Origin)),
		IfMatch: view(q.Get(lane.IfMatch)), IfUnmodifiedSince: view(q.Get(lane.IfUnmodifiedSince)),
		IfNoneMatch: view(q.Get(lane.IfNoneMatch)), IfModifiedSince: view(q.Get(lane.IfModifiedSince)),
		Range: view(q.Get(lane.Range)), IfRange: view(q.Get(lane.IfRange)),
	})
	v := found.Variant
	switch found.Status {
	case http.StatusNotModified:
		r.Lines(v.Unchanged)
	case http.StatusOK, http.StatusPartialContent:
		if verdict := v.into(r, &found); verdict != lane.Answered {
			return verdict
		}
		r.Lines(v.Head)
	default:
		return lane.NotMine
	}
	if found.Status == http.StatusPartialContent {
		r.Header("Content-Range", contentRange(&found))
	}
	if found.AllowOrigin != "" {
		r.Header("Access-Control-Allow-Origin", found.AllowOrigin)
	}
	r.Status = found.Status
	a.meters.count(&found)
	return lane.Answered
}

// view returns bytes as a text without copying them: nothing of a query outlives the call that it is made for, and the
// bytes are good until that returns.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func contentRange(a *Answer) string {
	return "bytes " + strconv.FormatInt(a.Start, 10) + "-" + strconv.FormatInt(a.Start+a.Length-1, 10) + "/" +
		strconv.FormatInt(a.Variant.Size, 10)
}

// into sets the body of a reply.
func (v *Variant) into(r *lane.Reply, a *Answer) lane.Verdict {
	if m := v.memory; m != nil {
		if m.pages == nil {
			r.Body(m.bytes[a.Start : a.Start+a.Length])
		} else {
			r.Memory(m.pages.file, m.at+a.Start, a.Length)
		}
		return lane.Answered
	}
	f := v.kept.file.Load()
	if f == nil {
		return lane.Wait // Warm opens it; if it may not, net/http answers
	}
	r.File(f, a.Start, a.Length, nil)
	return lane.Answered
}

// Warm implements lane.Handler: it opens the file. What goes wrong is told by net/http, which is asked next.
func (a assetLane) Warm(_ context.Context, q *lane.Request) {
	path, err := url.PathUnescape(string(q.Path))
	if err != nil {
		return
	}
	found := a.set.Load().answer(&Query{Method: http.MethodHead, Path: path, AcceptEncoding: view(q.Get(lane.AcceptEncoding))})
	if v := found.Variant; v != nil && v.kept != nil {
		v.kept.openOnce(v.Path)
	}
}

// maxKept is how many files of a set are kept open: they are those that do not fit into memory.
const maxKept = 512

// keptFile is a file that stays open as long as its set is served, and as somebody sends it: nobody closes it, the garbage
// collector does.
type keptFile struct {
	open *atomic.Int64 // of the set
	file atomic.Pointer[os.File]
	mu   sync.Mutex // held while it is opened
}

func (k *keptFile) openOnce(path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.file.Load() != nil || k.open.Load() >= maxKept {
		return
	}
	k.open.Add(1)
	f, err := os.Open(path)
	if err != nil {
		k.open.Add(-1)
		return
	}
	k.file.Store(f)
}
