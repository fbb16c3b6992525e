package objects_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"holdfast/internal/objects"
)

// soak returns how often something is repeated: small, or big when HOLDFAST_SOAK is set.
func soak(small, big int) int {
	if os.Getenv("HOLDFAST_SOAK") != "" {
		return big
	}
	return small
}

// A random sequence of operations does what a model of two maps does: contents, versions, conditions, listings, counts,
// and which blobs are dead.
func TestRandomOperationsDoWhatTheModelDoes(t *testing.T) {
	t.Parallel()
	for run := range soak(4, 40) {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("%d", run), func(t *testing.T) {
			t.Parallel()
			t.Logf("seed %d", seed)
			m := newModel(t, rand.New(rand.NewPCG(seed, 1)))
			for range soak(250, 2000) {
				m.step()
			}
			m.checkBlobs()
		})
	}
}

// version is what the model knows of a version.
type version struct {
	gen    objects.Generation
	marker bool
	null   bool
	text   string
	blob   objects.BlobID
}

type model struct {
	t    *testing.T
	w    *world
	x    *objects.Index
	rnd  *rand.Rand
	mode objects.Versioning
	keep int
	keys map[string][]version // oldest first; the last is the latest
	ever map[objects.BlobID]bool
	n    int
}

func newModel(t *testing.T, rnd *rand.Rand) *model {
	w, x := running(t)
	m := &model{t: t, w: w, x: x, rnd: rnd, keys: map[string][]version{}, ever: map[objects.BlobID]bool{}}
	if rnd.IntN(3) > 0 {
		m.setMode(objects.VersioningEnabled, rnd.IntN(3))
	}
	return m
}

func (m *model) key() string {
	return []string{"a", "a/", "a/b", "a/b/c", "a/é", "ab", "b/1", "b/2", "b/3", "\U0010FFFF", "z"}[m.rnd.IntN(11)]
}

func (m *model) step() {
	m.n++
	switch k := m.key(); m.rnd.IntN(12) {
	case 0, 1, 2, 3:
		m.put(k, objects.Condition{})
	case 4:
		m.putIf(k)
	case 5, 6:
		m.delete(k)
	case 7:
		m.deleteVersion(k)
	case 8:
		m.copy(k, m.key())
	case 9:
		if m.mode != objects.VersioningOff && m.rnd.IntN(4) == 0 {
			m.setMode([]objects.Versioning{objects.VersioningEnabled, objects.VersioningSuspended}[m.rnd.IntN(2)], m.rnd.IntN(4))
		}
		m.checkKey(k)
	case 10:
		m.checkList()
	case 11:
		m.checkVersions()
		m.checkUsage()
		m.checkDeaths()
	}
}

func (m *model) setMode(v objects.Versioning, keep int) {
	_, err := m.x.UpdateBucket(m.t.Context(), "bucket", func(b *objects.Bucket) error {
		b.Versioning, b.KeepVersions = v, keep
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	m.mode, m.keep = v, keep
}

func (m *model) current(k string) (version, bool) {
	if vs := m.keys[k]; len(vs) > 0 && !vs[len(vs)-1].marker {
		return vs[len(vs)-1], true
	}
	return version{}, false
}

// add makes v the latest version of a key.
func (m *model) add(k string, v version) {
	vs := m.keys[k]
	switch m.mode {
	case objects.VersioningOff:
		vs = nil
	case objects.VersioningSuspended:
		vs = slices.DeleteFunc(vs, func(v version) bool { return v.null })
	}
	v.null = m.mode != objects.VersioningEnabled
	vs = append(vs, v)
	if m.mode != objects.VersioningOff && m.keep > 0 && len(vs) > m.keep+1 {
		vs = vs[len(vs)-m.keep-1:]
	}
	m.keys[k] = slices.Clone(vs)
}

func (m *model) written(k, text string, o objects.Object) {
	if o.NullID != (m.mode != objects.VersioningEnabled) {
		m.t.Fatalf("%s: null id %v in mode %q", k, o.NullID, m.mode)
	}
	m.ever[o.Blob] = true
	m.add(k, version{gen: o.Generation, text: text, blob: o.Blob})
}

func (m *model) put(k string, cond objects.Condition) error {
	text := fmt.Sprintf("%d of %s", m.n, k)
	o, err := tryPut(m.x, k, text, func(p *objects.Put) { p.Condition = cond })
	if err == nil {
		m.written(k, text, o)
	} else if cond == (objects.Condition{}) {
		m.t.Fatalf("put %s: %v", k, err)
	}
	return err
}

func (m *model) putIf(k string) {
	_, there := m.current(k)
	var etag string
	if o, err := m.x.Head(m.t.Context(), ref(k)); err == nil {
		etag = o.ETag
	}
	var expect error
	var cond objects.Condition
	switch m.rnd.IntN(4) {
	case 0:
		cond.IfNoneMatch = "*"
		if there {
			expect = objects.ErrPrecondition
		}
	case 1:
		cond.IfMatch = "another"
		expect = objects.ErrPrecondition
		if !there {
			expect = objects.ErrNoSuchKey
		}
	case 2:
		cond.IfMatch = cmp.Or(etag, "*")
		if !there {
			expect = objects.ErrNoSuchKey
		}
	case 3:
		cond.IfNoneMatch = cmp.Or(etag, "another")
		if there {
			expect = objects.ErrPrecondition
		}
	}
	if err := m.put(k, cond); expect == nil && err != nil || expect != nil && err == nil {
		m.t.Fatalf("put %s if %+v: %v, want %v", k, cond, err, expect)
	} else if expect != nil {
		want(m.t, err, expect)
	}
}

func (m *model) delete(k string) {
	_, there := m.current(k)
	d := del(m.t, m.x, ref(k))
	if d.Err != nil || d.Found != there || d.Marker != (m.mode != objects.VersioningOff) {
		m.t.Fatalf("delete %s (there: %v): %+v", k, there, d)
	}
	if m.mode == objects.VersioningOff {
		delete(m.keys, k)
		return
	}
	m.add(k, version{gen: d.MarkerGen, marker: true})
}

func (m *model) deleteVersion(k string) {
	r := objects.Ref{Bucket: "bucket", Key: k, Generation: 1 << 40}
	vs := m.keys[k]
	i := -1
	if len(vs) > 0 && m.rnd.IntN(5) > 0 {
		i = m.rnd.IntN(len(vs))
		r.Generation = vs[i].gen
	}
	if m.rnd.IntN(3) == 0 {
		r.Generation, r.NullVersion = 0, true
		i = slices.IndexFunc(vs, func(v version) bool { return v.null })
	}
	d := del(m.t, m.x, r)
	if d.Err != nil || d.Found != (i >= 0) {
		m.t.Fatalf("delete version %+v: %+v, want found %v", r, d, i >= 0)
	}
	if i < 0 {
		return
	}
	if d.Marker != vs[i].marker || d.WasLatest != (i == len(vs)-1) {
		m.t.Fatalf("delete version %+v: %+v of %+v", r, d, vs)
	}
	m.keys[k] = slices.Delete(slices.Clone(vs), i, i+1)
}

func (m *model) copy(from, to string) {
	src, err := m.x.Head(m.t.Context(), ref(from))
	v, there := m.current(from)
	if (err == nil) != there {
		m.t.Fatalf("head %s: %v, there %v", from, err, there)
	}
	if !there {
		return
	}
	o, err := m.x.Copy(m.t.Context(), src, objects.Put{Bucket: "bucket", Key: to})
	if err != nil {
		m.t.Fatalf("copy: %v", err)
	}
	m.written(to, v.text, o)
}
