package revision_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// history changes a course at random, with few names, so that things meet.
type history struct {
	rng  *rand.Rand
	now  files
	past []files
	bad  bool // some changes break rules
	step int
}

func (h *history) pick(list ...string) string { return list[h.rng.IntN(len(list))] }

// dir returns a directory that may be a question, a topic, or anything else that rules look at.
func (h *history) dir() string {
	base := h.pick("questions", "questions", "questions", "elements", "serverFilesCourse", "courseInstances/x", "courseInstances/y/z", "docs")
	for range h.rng.IntN(3) {
		base += "/" + h.pick("a", "b", "c", "clientFilesCourseInstance", "serverFilesCourseInstance", "a-b")
	}
	return base
}

// put makes a file, and takes away what stands in its way.
func (h *history) put(path, content string) {
	for p := path; p != ""; p = p[:max(0, strings.LastIndexByte(p, '/'))] {
		delete(h.now, p)
	}
	h.now = h.now.without(path)
	h.now[path] = content
}

// change makes one change.
func (h *history) change() {
	h.step++
	h.past = append(h.past, maps.Clone(h.now))
	d, text := h.dir(), fmt.Sprint(h.step)
	switch h.rng.IntN(14) {
	case 0, 1, 2:
		h.put(d+"/info.json", `{"template": "`+h.pick("a", "a/b", "c", "")+`"}`)
	case 3, 4:
		h.put(d+"/"+h.pick("text", "script.js", "thumbnail.png", "clientFilesQuestion/x", "Text"), text)
	case 5:
		h.now = h.now.without(d + "/info.json")
	case 6:
		h.now = h.now.without(d)
	case 7, 8:
		h.move(d, h.dir())
	case 9:
		h.put(d, "a file now")
	case 10:
		h.now = maps.Clone(h.past[h.rng.IntN(len(h.past))])
	case 11:
		h.put(d+"/"+h.pick("l", "sub/l"), "link:"+h.pick("text", "../text", "nothing"))
	default:
		if h.bad {
			h.put(d+"/"+h.pick("m", "sub/m"), h.pick("sub:x", "lost:gone", "link:../../../../..", lfs, "link:/"))
		} else {
			h.put("README.md", text)
		}
	}
}

// move renames a directory.
func (h *history) move(from, to string) {
	moved := files{}
	for path, content := range h.now {
		if strings.HasPrefix(path, from+"/") {
			moved[to+path[len(from):]] = content
		}
	}
	h.now = h.now.without(from)
	for path, content := range moved {
		h.put(path, content)
	}
}

// nested is a preset whose chunks lie in each other.
func nested() revision.Preset {
	return revision.Preset{Chunks: []revision.Rule{
		{Name: "top", Path: "{name}", Whole: true},
		{Name: "question", Path: "questions/{id...}", Marker: []string{"info.json"}, Requires: []revision.Require{
			{File: "info.json", Field: "template", Chunk: "question:{}"},
		}},
		{Name: "inner", Path: "questions/{id...}/b"},
		{Name: "marked", Path: "{any...}", Marker: []string{"script.js"}},
		{Name: "thumbs", Gather: []string{"{any...}/thumbnail.png", "{any...}/text"}},
		{Name: "scripts", Gather: []string{"{any...}/*.js"}},
	}}
}

func soak(t *testing.T, small int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_SOAK")); err == nil && n > 0 {
		return small * n
	}
	return small
}

// The index before only saves work: what comes out is what a full build finds.
func TestAnIncrementalBuildEqualsAFullOne(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]revision.Preset{"course": course(), "nested": nested(), "directories": revision.Presets()["directories"]} {
		for _, links := range []string{revision.Reject, revision.Course} {
			t.Run(name+" "+links, func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(soak(t, 6)) {
					h := &history{rng: rand.New(rand.NewPCG(seed, 1)), now: files{"questions/a/b/info.json": "{}"}}
					r, limits := newRepo(treepack.SHA1), treepack.Limits{Part: 100}
					var last *revision.Index
					for range 40 {
						h.change()
						whole := r.buildAs(t, p, h.now, revision.BuildOptions{Limits: limits, Links: links})
						next := r.buildAs(t, p, h.now, revision.BuildOptions{Limits: limits, Links: links, Previous: last})
						if len(whole.Rejected) == 0 || links == revision.Reject && !anyKept(next) {
							same(t, seed, h, whole, next)
						}
						if last = next; h.step%8 == 0 {
							last = reread(t, next)
						}
					}
				}
			})
		}
	}
}

// reread returns the index as it is after it was written.
func reread(t *testing.T, ix *revision.Index) *revision.Index {
	t.Helper()
	ix.Commit = ix.Root
	again, err := revision.Decode(encode(t, ix), public(signer()))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	ix.Commit = treepack.ID{}
	return again
}

func anyKept(ix *revision.Index) bool {
	return slices.ContainsFunc(ix.Rejected, func(r revision.Rejection) bool { return r.Kept })
}

func same(t *testing.T, seed uint64, h *history, whole, next *revision.Index) {
	t.Helper()
	if bytes.Equal(revision.AppendPlain(whole), revision.AppendPlain(next)) {
		return
	}
	t.Fatalf("seed %d, step %d: a full build and an incremental one differ\nfiles %q\nfull        %s\nincremental %s",
		seed, h.step, slices.Sorted(maps.Keys(h.now)), show(whole), show(next))
}

func show(ix *revision.Index) string {
	var b strings.Builder
	for _, c := range ix.Chunks {
		fmt.Fprintf(&b, "%s %.8s whole=%v kept=%v requires=%q gathered=%v\n", c.Key, c.Tree, c.Whole, c.Kept, c.Requires, c.Gathered)
	}
	return b.String() + fmt.Sprintf("rejected %+v\nwarned %+v\ndirs %v\n", ix.Rejected, ix.Warned, ix.Dirs)
}

// E-47 over whole histories: what is bad takes nothing else with it, and is what it was when it was good last.
func TestOverAHistoryRejectionsHarmNothingElse(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]revision.Preset{"course": course(), "nested": nested()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(soak(t, 10)) {
				h := &history{rng: rand.New(rand.NewPCG(seed, 2)), now: files{"questions/a/b/info.json": "{}"}, bad: true}
				r, o := newRepo(treepack.SHA256), revision.BuildOptions{}
				good := map[string]treepack.ID{} // content of each chunk when it was accepted last
				for range 40 {
					h.change()
					whole := r.buildAs(t, p, h.now, revision.BuildOptions{})
					next := r.buildAs(t, p, h.now, o)
					checkIsolated(t, fmt.Sprintf("seed %d, step %d", seed, h.step), whole, next, good)
					if name == "course" {
						checkQuestions(t, h.now, next)
					}
					o.Previous = next
				}
			}
		})
	}
}

func checkIsolated(t *testing.T, what string, whole, next *revision.Index, good map[string]treepack.ID) {
	t.Helper()
	rejected := map[string]bool{}
	for _, r := range whole.Rejected {
		rejected[r.Key] = true
	}
	for _, c := range whole.Chunks {
		if n, ok := next.Chunk(c.Key); !ok || len(c.Gathered) == 0 && (n.Tree != c.Tree || n.Kept || n.Whole != c.Whole) {
			t.Fatalf("%s: %+v is %+v when it is built on the index before", what, c, n)
		}
	}
	for _, c := range next.Chunks {
		_, ok := whole.Chunk(c.Key)
		switch {
		case len(c.Gathered) > 0:
		case c.Kept && (!rejected[c.Key] || good[c.Key] != c.Tree):
			t.Fatalf("%s: %+v is kept, but not rejected, or not as it was: %s", what, c, good[c.Key])
		case !c.Kept && !ok:
			t.Fatalf("%s: %+v came from nowhere", what, c)
		case !c.Kept:
			good[c.Key] = c.Tree
		}
	}
}

// checkQuestions finds the questions in another way: the topmost directories below questions with an info.json.
func checkQuestions(t *testing.T, f files, ix *revision.Index) {
	t.Helper()
	marked := map[string]bool{}
	for path, content := range f {
		dir, ok := strings.CutSuffix(path, "/info.json")
		if id, below := strings.CutPrefix(dir, "questions/"); ok && below && !strings.HasPrefix(content, "link:") {
			marked[id] = true
		}
	}
	var want []string
	for id := range marked {
		top := true
		for p := id; strings.Contains(p, "/"); {
			p = p[:strings.LastIndexByte(p, '/')]
			top = top && !marked[p]
		}
		if top {
			want = append(want, "question:"+id)
		}
	}
	var got []string
	for _, c := range ix.Chunks {
		if c.Rule == "question" {
			got = append(got, c.Key)
		}
	}
	for _, r := range ix.Rejected {
		if strings.HasPrefix(r.Key, "question:") && r.Code != "content_chunk_nested" && r.Code != "content_not_directory" && !r.Kept {
			got = append(got, r.Key)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	expect(t, "questions, accepted or rejected", got, want...)
}
