package revision_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// two is a course of two questions, one of which the tests break.
func two() files {
	return files{"questions/good/info.json": "{}", "questions/bad/info.json": "{}", "questions/bad/text": "old"}
}

// pitfall is a row of the table: what is put into the question "bad", and what must become of it.
type pitfall struct {
	name    string
	add     files // below the question
	options revision.BuildOptions
	reject  string // code and path; "" if the question stays
	warn    string
}

func pitfalls() []pitfall {
	limit := func(l treepack.Limits) revision.BuildOptions { return revision.BuildOptions{Limits: l} }
	anywhere := revision.BuildOptions{Links: revision.Course}
	const q = "questions/bad/"
	return []pitfall{
		{"a submodule", files{"lib": "sub:x"}, revision.BuildOptions{}, "content_submodule " + q + "lib", ""},
		{"a submodule that is skipped", files{"lib": "sub:x"}, revision.BuildOptions{Submodules: revision.Skipped}, "", "content_submodule " + q + "lib"},
		{"an LFS pointer", files{"d/film.mp4": lfs}, revision.BuildOptions{}, "content_lfs_pointer " + q + "d/film.mp4", ""},
		{"a text about LFS", files{"a.md": "See " + lfs, "b.md": lfs[:80], "c.md": lfs + strings.Repeat("x", 1024)}, revision.BuildOptions{}, "", ""},
		{"a missing object", files{"pic.png": "lost:gone"}, revision.BuildOptions{}, "content_object_missing " + q + "pic.png", ""},
		{"a missing link", files{"pic.png": "lost:gone", "a": "link:pic.png"}, revision.BuildOptions{}, "content_object_missing " + q + "pic.png", ""},

		{"a link out of the chunk", files{"l": "link:../good/info.json"}, revision.BuildOptions{}, "content_link_leaves " + q + "l", ""},
		{"a link out of the chunk, allowed", files{"l": "link:../good/info.json"}, anywhere, "", ""},
		{"a link out of the course", files{"d/l": "link:../../../../etc/passwd"}, anywhere, "content_link_leaves " + q + "d/l", ""},
		{"an absolute link", files{"l": "link:/etc/passwd"}, anywhere, "content_link_leaves " + q + "l", ""},
		{"a link with .. that stays", files{"d/l": "link:../text", "e/f/g": "link:../../d/./../text"}, revision.BuildOptions{}, "", ""},
		{"a link to the chunk itself", files{"d/l": "link:.."}, revision.BuildOptions{}, "", ""},
		{"a link to nothing", files{"l": "link:nothing/here"}, revision.BuildOptions{}, "", ""},
		{"a chain that leaves", files{"d/e/up": "link:../..", "l": "link:d/e/up/../x"}, revision.BuildOptions{}, "content_link_leaves " + q + "l", ""},
		{"a chain that stays", files{"d/e/up": "link:..", "l": "link:d/e/up/../x"}, revision.BuildOptions{}, "", ""},
		{"a link through a linked directory", files{"d/e/f/x": "", "s": "link:d/e/f", "t": "link:s/../../../.."}, revision.BuildOptions{}, "content_link_leaves " + q + "t", ""},
		{"links in a circle", files{"a": "link:b", "b": "link:a"}, revision.BuildOptions{}, "content_link_loop " + q + "a", ""},
		{"a link to itself", files{"a": "link:a"}, revision.BuildOptions{}, "content_link_loop " + q + "a", ""},
		{"a link up behind another chunk's names", files{"l": "link:../good/x/../info.json"}, anywhere, "content_link_leaves " + q + "l", ""},
		{"an empty link", files{"l": "link:"}, revision.BuildOptions{}, "content_link_target " + q + "l", ""},
		{"an endless link", files{"l": "link:" + strings.Repeat("x/", 3000)}, revision.BuildOptions{}, "content_link_target " + q + "l", ""},
		{"a link with a NUL", files{"l": "link:a\x00b"}, revision.BuildOptions{}, "content_link_target " + q + "l", ""},

		{"attributes that change files", files{".gitattributes": "# c\n*.csv eol=crlf filter=lfs -text\n"}, revision.BuildOptions{}, "", "content_git_attributes " + q + ".gitattributes"},
		{"attributes that only leave out", files{".gitattributes": "tests export-ignore\n*.html export-subst"}, revision.BuildOptions{}, "", ""},
		{"names that differ in case", files{"Fig.png": "1", "fig.png": "2"}, revision.BuildOptions{}, "", "content_name_collision " + q + "fig.png"},
		{"names that differ in normal form", files{"d/\u00e9": "1", "d/e\u0301": "2"}, revision.BuildOptions{}, "", "content_name_collision " + q + "d/\u00e9"},
		{"the name .git", files{".git/config": "x"}, revision.BuildOptions{}, "content_bad_name questions/bad", ""},
		{"the name of .git on NTFS", files{"d/GIT~1": "x"}, revision.BuildOptions{}, "content_bad_name " + q + "d", ""},
		{"the name of .git on HFS+", files{".g\u200cit": "x"}, revision.BuildOptions{}, "content_bad_name questions/bad", ""},
		{"the name ..", files{"..": "x"}, revision.BuildOptions{}, "content_bad_name questions/bad", ""},
		{"a name of 300 bytes", files{strings.Repeat("n", 300): "x"}, revision.BuildOptions{}, "content_bad_name questions/bad", ""},
		{"names that are no UTF-8, or odd", files{"\xff\xfe": "1", "a\nb": "2", " ": "3", `"\`: "4", "é": "5"}, revision.BuildOptions{}, "", ""},
		{"a legacy mode", files{"old": "mode:0100664:x"}, revision.BuildOptions{}, "", ""},
		{"an unknown mode", files{"fifo": "mode:0010644:x"}, revision.BuildOptions{}, "content_bad_mode " + q + "fifo", ""},

		{"more bytes than the limit", files{"a": strings.Repeat("1", 1000), "b": strings.Repeat("2", 1000)}, limit(treepack.Limits{Plain: 1500}), "content_too_large " + q + "b", ""},
		{"a file above the limit", files{"big": "123456"}, limit(treepack.Limits{Blob: 5}), "content_too_large " + q + "big", ""},
		{"more files than the limit", files{"a": "", "b": "", "c": ""}, limit(treepack.Limits{Files: 4}), "content_too_many_files " + q + "text", ""},
		{"deeper than the limit", files{"1/2/3/x": ""}, limit(treepack.Limits{Depth: 2}), "content_too_deep " + q + "1/2/3", ""},
		{"a path beyond what systems allow", files{strings.Repeat(strings.Repeat("d", 250)+"/", 13) + "x": ""}, limit(treepack.Limits{Depth: 50}), "content_too_deep " + strings.TrimSuffix(q+strings.Repeat(strings.Repeat("d", 250)+"/", 13), "/"), ""},
		{"a nested question", files{"sub/info.json": "{}"}, revision.BuildOptions{}, "content_chunk_nested " + q + "sub", ""},
	}
}

// The rows of the table of pitfalls, S4-17, E-47, E-59. Each isolates its own chunk.
func TestEachPitfallHarmsItsOwnChunkAlone(t *testing.T) {
	t.Parallel()
	for _, p := range pitfalls() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			bothFormats(t, func(t *testing.T, r *repo) {
				ix := r.build(t, broken(p.add), p.options)
				want := []string{"question:bad", "question:good"}
				if p.reject != "" && !strings.HasPrefix(p.reject, "content_chunk_nested") {
					want = want[1:]
				}
				expect(t, "chunks", keys(ix), want...)
				expect(t, "rejected", verdicts(ix.Rejected), notEmpty(p.reject)...)
				expect(t, "warned", verdicts(ix.Warned), notEmpty(p.warn)...)
			})
		})
	}
}

// E-47: a chunk that is bad now stays as it was, and comes back when it is mended.
func TestARejectedChunkKeepsItsOldContent(t *testing.T) {
	t.Parallel()
	for _, p := range pitfalls() {
		if p.reject == "" || strings.HasPrefix(p.reject, "content_chunk_nested") {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(treepack.SHA1)
			first := r.build(t, two(), p.options)
			old, _ := first.Chunk("question:bad")
			p.options.Previous = first
			second := r.build(t, broken(p.add), p.options)
			kept, ok := second.Chunk("question:bad")
			if !ok || !kept.Kept || kept.Tree != old.Tree || !slices.Equal(kept.Pieces, old.Pieces) {
				t.Fatalf("kept %+v; want %+v", kept, old)
			}
			expect(t, "rejected", verdicts(second.Rejected), p.reject+" kept")
			p.options.Previous = second
			third := r.build(t, broken(p.add).with(files{"questions/good/x": "y"}), p.options)
			expect(t, "rejected again", verdicts(third.Rejected), p.reject+" kept")
			p.options.Previous = third
			fourth := r.build(t, two().with(files{"questions/bad/text": "new"}), p.options)
			c, _ := fourth.Chunk("question:bad")
			if c.Kept || c.Tree == old.Tree || len(fourth.Rejected) > 0 {
				t.Errorf("after mending: %+v, rejected %v", c, fourth.Rejected)
			}
		})
	}
}

// Under other rules than those of the index before, what is kept is judged again.
func TestOldContentIsKeptOnlyIfItIsRightToday(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	linked := two().with(files{"questions/bad/l": "link:../good/info.json"})
	before := r.build(t, linked, revision.BuildOptions{Links: revision.Course})
	after := r.build(t, linked.with(files{"questions/bad/m": "lost:gone"}), revision.BuildOptions{Previous: before})
	expect(t, "chunks", keys(after), "question:good")
	before = r.build(t, two(), revision.BuildOptions{Links: revision.Course})
	after = r.build(t, linked.with(files{"questions/bad/m": "lost:gone"}), revision.BuildOptions{Previous: before})
	expect(t, "rejected", verdicts(after.Rejected), "content_object_missing questions/bad/m kept")
	before = newRepo(treepack.SHA256).build(t, two(), revision.BuildOptions{})
	after = r.build(t, two().with(files{"questions/bad/m": "lost:gone"}), revision.BuildOptions{Previous: before})
	expect(t, "another object format", verdicts(after.Rejected), "content_object_missing questions/bad/m")
}

// Old content is not kept where another chunk now is, and not where there is nothing any more (E-46).
func TestOldContentIsNotKeptWhereItWouldCollide(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	p := revision.Preset{Chunks: []revision.Rule{
		{Name: "unit", Path: "units/{name}", Marker: []string{"unit.txt"}},
		{Name: "page", Path: "units/{unit}/{page}", Marker: []string{"page.txt"}},
	}}
	before := r.buildAs(t, p, files{"units/a/unit.txt": ""}, revision.BuildOptions{})
	o := revision.BuildOptions{Previous: before}
	after := r.buildAs(t, p, files{"units/a/unit.txt": "", "units/a/x": "lost:gone", "units/a/b/page.txt": ""}, o)
	expect(t, "chunks", keys(after), "page:a/b")
	expect(t, "rejected", verdicts(after.Rejected), "content_object_missing units/a/x")
	after = r.buildAs(t, p, files{"units/a": "a file", "units/b": "link:a"}, o)
	expect(t, "chunks", keys(after))
	expect(t, "rejected", verdicts(after.Rejected), "content_not_directory units/b")
}

// What is gathered is of the same revision as what it was gathered from.
func TestThumbnailsOfARejectedQuestionAreThoseOfItsOldContent(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	f := two().with(files{"questions/bad/thumbnail.png": "old", "questions/good/thumbnail.png": "old"})
	worse := f.with(files{"questions/bad/thumbnail.png": "new", "questions/good/thumbnail.png": "new", "questions/bad/m": "lost:gone"})
	thumbs := func(ix *revision.Index) []string {
		c, ok := ix.Chunk("thumbnails")
		if !ok {
			return nil
		}
		var out []string
		for _, g := range c.Gathered {
			out = append(out, g.Path+" "+string(r.blobs[g.ID]))
		}
		return out
	}
	before := r.build(t, f, revision.BuildOptions{})
	expect(t, "kept", thumbs(r.build(t, worse, revision.BuildOptions{Previous: before})),
		"questions/bad/thumbnail.png old", "questions/good/thumbnail.png new")
	expect(t, "nothing to keep", thumbs(r.build(t, worse, revision.BuildOptions{})), "questions/good/thumbnail.png new")
}

// Also where chunks lie in each other, and the directory with the file is as it was.
func TestNothingIsGatheredFromARejectedChunk(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	f := files{"questions/a-b/text": "x", "questions/a/b/info.json": "{}"}
	before := r.buildAs(t, nested(), f, revision.BuildOptions{})
	f = f.with(files{"questions/l": "link:../text"})
	for _, o := range []revision.BuildOptions{{}, {Previous: before}} {
		ix := r.buildAs(t, nested(), f, o)
		if c, ok := ix.Chunk("thumbs"); ok {
			t.Errorf("gathered %+v", c.Gathered)
		}
	}
}

// A directory above questions that cannot be read takes no question away.
func TestAnUnreadableTopicKeepsItsQuestions(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		f := files{"questions/a/b/info.json": "{}", "questions/a/c/info.json": "{}", "questions/d/info.json": "{}"}
		before := r.build(t, f, revision.BuildOptions{})
		worse := f.with(files{"questions/a/.git": "x", "questions/d/new": "x"})
		after := r.build(t, worse, revision.BuildOptions{Previous: before})
		expect(t, "chunks", keys(after), "question:a/b", "question:a/c", "question:d")
		expect(t, "rejected", verdicts(after.Rejected), "content_bad_name questions/a kept")
		expect(t, "without an index before", verdicts(r.build(t, worse, revision.BuildOptions{}).Rejected), "content_bad_name questions/a")
	})
}

// What stands in the place of a chunk and is no directory.
func TestOnlyDirectoriesAreChunks(t *testing.T) {
	t.Parallel()
	f := func(add files, want ...string) {
		t.Helper()
		r := newRepo(treepack.SHA1)
		ix := r.build(t, two().with(add), revision.BuildOptions{})
		expect(t, "chunks", keys(ix), "question:bad", "question:good")
		expect(t, "rejected", verdicts(ix.Rejected), want...)
	}
	f(files{"elements": "link:questions"}, "content_not_directory elements")
	f(files{"elements": "a file"}, "content_not_directory elements")
	f(files{"elements": "sub:x", "questions/s": "sub:y"}, "content_not_directory elements", "content_not_directory questions/s")
	f(files{"questions/l": "link:good", "questions/README": "text"}, "content_not_directory questions/l")
}

// Collisions and attributes above chunks are told, too, and bad thumbnails there are left out.
func TestOddThingsAboveChunksAreWarnedOf(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	f := two().with(files{
		"questions/Good/info.json": "{}", ".gitattributes": "* ident", "questions/t/thumbnail.png": "link:x",
		"questions/u/thumbnail.png": lfs, "questions/v/thumbnail.png": "lost:gone", "questions/w/thumbnail.png": "PNG",
	})
	before := r.build(t, f, revision.BuildOptions{})
	for _, ix := range []*revision.Index{before, r.build(t, f.with(files{"x": ""}), revision.BuildOptions{Previous: before})} {
		expect(t, "warned", verdicts(ix.Warned),
			"content_git_attributes .gitattributes", "content_name_collision questions/good", "content_gather questions/t/thumbnail.png",
			"content_lfs_pointer questions/u/thumbnail.png", "content_object_missing questions/v/thumbnail.png")
		c, _ := ix.Chunk("thumbnails")
		if len(c.Gathered) != 1 || c.Gathered[0].Path != "questions/w/thumbnail.png" {
			t.Errorf("gathered %v", c.Gathered)
		}
	}
}

// A bomb ends at its limit: few objects are read of a tree that stands for 10^10 directories.
func TestATreeThatContainsItselfManyTimesIsStoppedEarly(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		sub := files{}
		id := r.put(sub)
		for range 10 {
			var entries []treepack.Entry
			for i := range 10 {
				entries = append(entries, treepack.Entry{Name: fmt.Sprint(i), Mode: treepack.ModeDir, ID: id})
			}
			raw := treepack.AppendTree(nil, entries)
			id = treepack.HashObject(r.format, "tree", raw)
			r.trees[id] = raw
		}
		raw := treepack.AppendTree(nil, []treepack.Entry{{Name: "elements", Mode: treepack.ModeDir, ID: id}, {Name: "questions", Mode: treepack.ModeDir, ID: id}})
		root := treepack.HashObject(r.format, "tree", raw)
		r.trees[root] = raw
		_, err := revision.Build(t.Context(), r, root, course(), revision.BuildOptions{Limits: treepack.Limits{Files: 1000}})
		if !errors.Is(err, treepack.ErrTooManyFiles) {
			t.Errorf("a bomb of directories above chunks: %v", err)
		}
		ix, err := revision.Build(t.Context(), r, root, revision.Presets()["directories"], revision.BuildOptions{Limits: treepack.Limits{Files: 1000}})
		if err != nil || len(ix.Chunks) > 0 || len(ix.Rejected) != 2 || ix.Rejected[0].Code != "content_too_many_files" {
			t.Errorf("a bomb in a chunk: %v, %+v", err, ix)
		}
	})
}

// Sources need not look at what they give.
func TestBytesThatAreNotTheTreeAreNotBelieved(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		root := r.put(two())
		r.trees[r.put(files{"info.json": "{}", "text": "old"})] = r.trees[r.put(files{"info.json": "{}", "text": "new"})]
		ix, err := revision.Build(t.Context(), r, root, course(), revision.BuildOptions{})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "chunks", keys(ix), "question:good")
		r.trees[root] = r.trees[r.put(files{})]
		if _, err := revision.Build(t.Context(), r, root, course(), revision.BuildOptions{}); !errors.Is(err, treepack.ErrObject) {
			t.Errorf("another root: %v", err)
		}
	})
}

// What is not the content's fault stops the build; so does a root that cannot be read (C-28: the current revision stays).
func TestABuildFailsAsAWholeWhenObjectsCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	root := r.put(small())
	r.fail = fault.New(fault.Unavailable, "content_git_failed", "git is gone")
	if _, err := revision.Build(t.Context(), r, root, course(), revision.BuildOptions{}); !errors.Is(err, r.fail) {
		t.Errorf("a repository that cannot be read: %v", err)
	}
	r.fail = nil
	if _, err := revision.Build(t.Context(), r, treepack.HashObject(treepack.SHA1, "tree", []byte("x")), course(), revision.BuildOptions{}); !errors.Is(err, treepack.ErrMissing) {
		t.Errorf("a root that is missing: %v", err)
	}
	bad := r.put(files{".git": "x"})
	if _, err := revision.Build(t.Context(), r, bad, course(), revision.BuildOptions{}); !errors.Is(err, treepack.ErrName) {
		t.Errorf("a root with a bad name: %v", err)
	}
	if _, err := revision.Build(t.Context(), r, root, revision.Preset{}, revision.BuildOptions{}); fault.KindOf(err) != fault.Config {
		t.Errorf("a preset without rules: %v", err)
	}
	if _, err := revision.Build(t.Context(), r, treepack.ID{}, course(), revision.BuildOptions{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no root: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.fail = ctx.Err()
	if _, err := revision.Build(ctx, r, root, course(), revision.BuildOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled build: %v", err)
	}
}

func broken(add files) files {
	f := two()
	for path, content := range add {
		f["questions/bad/"+path] = content
	}
	return f
}

func notEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
