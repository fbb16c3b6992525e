package blobtest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/blob"
)

var listing = []test{
	{"names come in byte order with size and time", listOrder},
	{"a prefix selects, also within a segment", listPrefix},
	{"a listing is resumed after any name, present or not", listAfter},
	{"a listing ends when its reader has enough", listStop},
	{"what is listed may be deleted and moved meanwhile", listWhileRemoving},
}

// listNames are chosen so that directories sort otherwise than the names in them: '-' and '.' stand before '/', digits
// and letters after it.
var listNames = []blob.Name{
	"a-", "a-b/x", "a.", "a.b", "a/0", "a/b.c", "a/b/c", "a/b/d", "a/b0", "a0", "a0/b", "aa", "b", "blobs/00/0", "blobs/00/1",
	"blobs/01/0", "blobs/ff/0", "trash/00/0", "z",
}

// fill puts listNames in an order that is not theirs.
func fill(t *testing.T, s blob.Store) []blob.Name {
	t.Helper()
	var names []blob.Name
	for _, name := range listNames {
		if name != "a0/b" { // a0 is a blob: see the test of nested names
			names = append(names, name)
		}
	}
	for i := range names {
		name := names[(i*7+3)%len(names)]
		putWith(t, s, name, []byte(name), bytesOf("sidecar", 5<<10))
	}
	return names
}

func listOrder(t *testing.T, s blob.Store) {
	names := fill(t, s)
	if !slices.IsSorted(names) {
		t.Fatal("the names of the test are not in byte order")
	}
	all := list(t, s, "", "")
	for i, info := range all {
		stat, err := s.Stat(t.Context(), info.Name)
		if err != nil || stat.Size != info.Size || !stat.ModTime.Equal(info.ModTime) {
			t.Errorf("List says %+v, Stat says %+v, %v", info, stat, err)
		}
		if i >= len(names) || info.Name != names[i] {
			t.Fatalf("name %d is %s, listed: %v", i, info.Name, all)
		}
	}
	if len(all) != len(names) {
		t.Errorf("List yields %d of %d names", len(all), len(names))
	}
}

func listPrefix(t *testing.T, s blob.Store) {
	names := fill(t, s)
	for _, prefix := range []string{"a", "a/", "a/b", "a/b/", "a/b/c", "b", "blobs", "blobs/0", "blobs/00/", "x", "zz", "a-", "/", "."} {
		wantList(t, s, names, prefix, "")
	}
}

func listAfter(t *testing.T, s blob.Store) {
	names := fill(t, s)
	afters := slices.Concat(names, []blob.Name{"-", "a", "a/", "a/a", "a/b", "a/z", "b/x", "blobs", "blobs/00", "blobs/00/zzz", "zzz"})
	for i, after := range afters {
		wantList(t, s, names, "a", after)
		wantList(t, s, names, "blobs/0", after)
		if i%5 == 0 { // a store may have many directories to look into
			wantList(t, s, names, "", after)
		}
	}
}

// wantList compares List with the same selection made here.
func wantList(t *testing.T, s blob.Store, names []blob.Name, prefix string, after blob.Name) {
	t.Helper()
	var want, got []blob.Name
	for _, name := range names {
		if name > after && strings.HasPrefix(string(name), prefix) {
			want = append(want, name)
		}
	}
	for _, info := range list(t, s, prefix, after) {
		got = append(got, info.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("List(prefix %q, after %q)\n got %v\nwant %v", prefix, after, got, want)
	}
}

func listStop(t *testing.T, s blob.Store) {
	names := fill(t, s)
	var got []blob.Name
	for len(got) < len(names) { // pages of three
		last, n := blob.Name(""), 0
		if len(got) > 0 {
			last = got[len(got)-1]
		}
		err := s.List(t.Context(), "", last, func(info blob.Info) bool {
			got = append(got, info.Name)
			n++
			return n < 3
		})
		if err != nil || n == 0 || n > 3 {
			t.Fatalf("a page of %d names, %v", n, err)
		}
	}
	if !slices.Equal(got, names) {
		t.Errorf("pages give %v, want %v", got, names)
	}
}

func listWhileRemoving(t *testing.T, s blob.Store) {
	names := fill(t, s)
	var failed error
	seen := 0
	err := s.List(t.Context(), "", "", func(info blob.Info) bool {
		seen++
		if seen%2 == 0 {
			failed = errors.Join(failed, s.Delete(t.Context(), info.Name))
		} else {
			failed = errors.Join(failed, s.Move(t.Context(), info.Name, "moved/"+info.Name))
		}
		return seen < 2*len(names) // what was moved may be met again under its new name, once
	})
	if err != nil || failed != nil {
		t.Fatalf("List: %v, remove: %v", err, failed)
	}
	for _, name := range names {
		wantAbsent(t, s, name)
	}
}
