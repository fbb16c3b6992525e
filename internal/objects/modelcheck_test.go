package objects_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"holdfast/internal/objects"
)

// checkKey compares the latest and every version of a key.
func (m *model) checkKey(k string) {
	o, err := m.x.Head(m.t.Context(), ref(k))
	v, there := m.current(k)
	switch {
	case there:
		if err != nil || o.Generation != v.gen || contents(m.t, m.x, o) != v.text {
			m.t.Fatalf("head %s: %+v, %v; want %+v", k, o, err, v)
		}
	default:
		want(m.t, err, objects.ErrNoSuchKey)
		if o.Marker != (len(m.keys[k]) > 0) {
			m.t.Fatalf("head %s: marker %v, want %+v", k, o.Marker, m.keys[k])
		}
	}
	for i, v := range m.keys[k] {
		r := ref(k)
		r.Generation = v.gen
		o, err := m.x.Head(m.t.Context(), r)
		if (err == nil) == v.marker || o.Marker != v.marker || o.Latest != (i == len(m.keys[k])-1) || o.NullID != v.null {
			m.t.Fatalf("head %+v: %+v, %v; want %+v", r, o, err, v)
		}
		if !v.marker && contents(m.t, m.x, o) != v.text {
			m.t.Fatalf("contents of %+v", r)
		}
	}
}

func (m *model) query() objects.ListQuery {
	return objects.ListQuery{
		Bucket: "bucket", Prefix: []string{"", "", "a", "a/", "b/", "nope", "\U0010FFFF"}[m.rnd.IntN(7)],
		Delimiter: []string{"", "/", "/", "b"}[m.rnd.IntN(4)], Limit: 1 + m.rnd.IntN(4),
		After: []string{"", "", "a/", "a/b", "b", "\U0010FFFF"}[m.rnd.IntN(6)],
	}
}

// expect lists the keys for which there is something, or their common prefixes, as a query asks for them.
func (m *model) expect(q objects.ListQuery, something func(k string) bool) []string {
	var names []string
	for k := range m.keys {
		rest, ok := strings.CutPrefix(k, q.Prefix)
		if !ok || !something(k) {
			continue
		}
		if i := strings.Index(rest, q.Delimiter); q.Delimiter != "" && i >= 0 {
			k = q.Prefix + rest[:i+len(q.Delimiter)]
		}
		if k > q.After {
			names = append(names, k)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (m *model) checkList() {
	q := m.query()
	wanted := m.expect(q, func(k string) bool { _, ok := m.current(k); return ok })
	var got []string
	for pages, first := 0, q; ; pages++ {
		page, err := m.x.List(m.t.Context(), q)
		if err != nil || pages > 100 {
			m.t.Fatalf("list %+v: page %d, %v", q, pages, err)
		}
		names := slices.Clone(page.Prefixes)
		for _, o := range page.Objects {
			names = append(names, o.Key)
		}
		slices.Sort(names)
		if len(names) > q.Limit || page.Next != "" && (len(names) != q.Limit || page.Next != names[len(names)-1]) {
			m.t.Fatalf("list %+v: %q, next %q", q, names, page.Next)
		}
		got = append(got, names...)
		if q.After = page.Next; page.Next == "" {
			if !slices.Equal(got, wanted) {
				m.t.Fatalf("list %+v:\ngot  %q\nwant %q", first, got, wanted)
			}
			return
		}
	}
}

func (m *model) checkVersions() {
	q := m.query()
	var wanted, got []string
	for _, name := range m.expect(q, func(k string) bool { return len(m.keys[k]) > 0 }) {
		vs, isKey := m.keys[name]
		if rest := strings.TrimPrefix(name, q.Prefix); !isKey || q.Delimiter != "" && strings.Contains(rest, q.Delimiter) {
			wanted = append(wanted, name)
			continue
		}
		for i, v := range slices.Backward(vs) {
			wanted = append(wanted, fmt.Sprint(name, v.gen, v.marker, v.null, i == len(vs)-1))
		}
	}
	var gen objects.Generation
	for first := q; ; {
		page, next, err := m.x.ListVersions(m.t.Context(), q, gen)
		if err != nil || len(got) > 1000 {
			m.t.Fatalf("list versions %+v: %v", q, err)
		}
		prefixes := page.Prefixes
		for _, o := range page.Objects {
			for len(prefixes) > 0 && prefixes[0] < o.Key {
				got, prefixes = append(got, prefixes[0]), prefixes[1:]
			}
			got = append(got, fmt.Sprint(o.Key, o.Generation, o.Marker, o.NullID, o.Latest))
		}
		got = append(got, prefixes...)
		if q.After, gen = page.Next, next; page.Next == "" {
			if !slices.Equal(got, wanted) {
				m.t.Fatalf("list versions %+v:\ngot  %q\nwant %q", first, got, wanted)
			}
			return
		}
	}
}

func (m *model) checkUsage() {
	var n, bytes int64
	for k := range m.keys {
		if v, ok := m.current(k); ok {
			n, bytes = n+1, bytes+int64(len(v.text))
		}
	}
	objectsN, bytesN, err := m.x.Usage(m.t.Context(), "bucket")
	if err != nil || objectsN != n || bytesN != bytes {
		m.t.Fatalf("usage %d objects of %d bytes, %v; want %d of %d", objectsN, bytesN, err, n, bytes)
	}
}

// checkDeaths: the blobs of current objects live, all others are dead, noncurrent versions included.
func (m *model) checkDeaths() {
	alive := map[objects.BlobID]bool{}
	for k := range m.keys {
		if v, ok := m.current(k); ok {
			alive[v.blob] = true
		}
	}
	for id := range m.ever {
		if m.x.Dead(id) == alive[id] {
			m.t.Fatalf("blob %s: dead %v, alive %v", id, m.x.Dead(id), alive[id])
		}
	}
}

// checkBlobs: in the end the store holds the blob of every version in its place, and all others in the trash.
func (m *model) checkBlobs() {
	for k := range m.keys {
		m.checkKey(k)
	}
	m.checkDeaths()
	named := map[objects.BlobID]bool{}
	for _, vs := range m.keys {
		for _, v := range vs {
			named[v.blob] = !v.marker
		}
	}
	ctx := context.Background()
	eventually(m.t, "all dead blobs in the trash", func() bool {
		for id := range m.ever {
			name := id.TrashName()
			if named[id] {
				name = id.BlobName()
			}
			if _, err := m.w.blobs.Stat(ctx, name); err != nil {
				return false
			}
		}
		return true
	})
	// A second index that reads it all from the tables agrees.
	m.x = m.w.start()
	m.checkDeaths()
	m.checkUsage()
}
