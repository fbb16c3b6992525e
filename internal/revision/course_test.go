package revision_test

import (
	"slices"
	"testing"

	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// small is a course with one of everything.
func small() files {
	return files{
		"infoCourse.json":                                                     "{}",
		"README.md":                                                           "hello",
		"elements/clock/clock.py":                                             "class Clock: pass",
		"elements/clock/clock.js":                                             "tick()",
		"elements/clock/clientFilesElement/face.svg":                          "<svg/>",
		"elementExtensions/pl-drawing/arrow/arrow.py":                         "x = 1",
		"clientFilesCourse/logo.png":                                          "PNG",
		"serverFilesCourse/physics/constants.py":                              "g = 9.81",
		"courseInstances/Fa26/infoCourseInstance.json":                        "{}",
		"courseInstances/Fa26/clientFilesCourseInstance/a":                    "1",
		"courseInstances/Fa26/serverFilesCourseInstance/b":                    "2",
		"courseInstances/Fa26/assessments/hw1/info.json":                      "{}",
		"courseInstances/Fa26/assessments/hw1/clientFilesAssessment/plot.png": "PNG",
		"courseInstances/dept/Sp27/serverFilesCourseInstance/b":               "2",
		"questions/a/b/info.json":                                             `{"title": "B"}`,
		"questions/a/b/question.html":                                         "<p>b</p>",
		"questions/a/b/thumbnail.png":                                         "PNG b",
		"questions/a/b/clientFilesQuestion/fig/one.png":                       "PNG one",
		"questions/a/c/info.json":                                             `{"title": "C", "template": "a/b"}`,
		"questions/a/c/server.py":                                             "exec:def generate(data): pass",
		"questions/lever/info.json":                                           `{"title": "Lever"}`,
		"questions/lever/tests/thumbnail.jpg":                                 "JPEG",
		"questions/README.md":                                                 "about the questions",
		"docs/deep/down/info.json":                                            "{}",
	}
}

// S4-11 … S4-18: the chunks of a course.
func TestTheCoursePresetFindsEveryKindOfChunk(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		ix := r.build(t, small(), revision.BuildOptions{})
		expect(t, "chunks", keys(ix),
			"clientFilesAssessment:Fa26/hw1",      // of an assessment
			"clientFilesCourse",                   // S4-13
			"clientFilesCourseInstance:Fa26",      // S4-15
			"elementExtensions",                   // today's product
			"elements",                            // S4-12
			"question:a/b",                        // S4-17
			"question:a/c",                        // S4-17
			"question:lever",                      //
			"serverFilesCourse",                   // S4-14
			"serverFilesCourseInstance:Fa26",      // S4-16
			"serverFilesCourseInstance:dept/Sp27", // S4-16, an instance in a folder
			"thumbnails",                          // S4-18
		)
		expect(t, "rejected", verdicts(ix.Rejected))
		expect(t, "warned", verdicts(ix.Warned))
	})
}

// Q-16, S4-20: the id of a chunk is the id of its tree, on every machine.
func TestAChunkIsNamedByItsTree(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		ix := r.build(t, small(), revision.BuildOptions{})
		c, _ := ix.Chunk("question:a/b")
		want := r.put(files{
			"info.json": `{"title": "B"}`, "question.html": "<p>b</p>", "thumbnail.png": "PNG b", "clientFilesQuestion/fig/one.png": "PNG one",
		})
		if c.Tree != want || c.Path != "questions/a/b" || c.Files != 4 || c.Plain != 14+8+5+7 || len(c.Pieces) != 1 {
			t.Errorf("chunk %+v: want tree %s, 4 files of 34 bytes, one piece", c, want)
		}
		if c.Pieces[0].Part.ID != (treepack.PartID{Kind: treepack.WholeTree, ID: want}) {
			t.Errorf("part %s: want the whole tree", c.Pieces[0].Part.ID)
		}
	})
}

// S4-18: thumbnails from many places are one chunk, and question chunks are as they are without it.
func TestThumbnailsAreGatheredAndStayInTheirQuestions(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		ix := r.build(t, small().with(files{"questions/thumbnail.gif": "GIF", "questions/topic/thumbnail.png": "PNG topic"}), revision.BuildOptions{})
		c, _ := ix.Chunk("thumbnails")
		want := r.put(files{
			"questions/a/b/thumbnail.png": "PNG b", "questions/lever/tests/thumbnail.jpg": "JPEG", "questions/topic/thumbnail.png": "PNG topic",
		})
		if c.Tree != want || c.Path != "" || c.Whole {
			t.Errorf("chunk %+v: want the tree %s at the root", c, want)
		}
		q, _ := ix.Chunk("question:a/b")
		if q.Files != 4 {
			t.Errorf("the question has %d files; want its thumbnail among 4", q.Files)
		}
	})
}

// Views may link to what stands alone, and only to that.
func TestBigDirectoriesThatStandAloneAreWhole(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	whole := func(p revision.Preset, f files) []string {
		var out []string
		for _, c := range r.buildAs(t, p, f, revision.BuildOptions{Links: revision.Course}).Chunks {
			if c.Whole {
				out = append(out, c.Key)
			}
		}
		return out
	}
	level := []string{"clientFilesCourse", "elementExtensions", "elements", "serverFilesCourse"}
	expect(t, "whole", whole(course(), small()), level...)
	expect(t, "with a link that leaves", whole(course(), small().with(files{"elements/x": "link:../README.md"})), slices.Delete(slices.Clone(level), 2, 3)...)
	gathers := course()
	gathers.Chunks = append(gathers.Chunks, revision.Rule{Name: "scripts", Gather: []string{"elements/{name}/*.js"}})
	expect(t, "with gathered files", whole(gathers, small()), slices.Delete(slices.Clone(level), 2, 3)...)
	inside := course()
	inside.Chunks = append(inside.Chunks, revision.Rule{Name: "physics", Path: "serverFilesCourse/physics", Whole: true})
	expect(t, "with a chunk inside", whole(inside, small()), level[:3]...)
	expect(t, "the root", whole(revision.Presets()["plain"], small()))
}

func TestOtherPresetsDivideTreesOfOtherKinds(t *testing.T) {
	t.Parallel()
	bothFormats(t, func(t *testing.T, r *repo) {
		f := func(preset string, tree files, want ...string) {
			t.Helper()
			expect(t, preset, keys(r.buildAs(t, revision.Presets()[preset], tree, revision.BuildOptions{})), want...)
		}
		f("plain", small(), "tree")
		f("directories", small(),
			"directory:clientFilesCourse", "directory:courseInstances", "directory:docs", "directory:elementExtensions", "directory:elements",
			"directory:questions", "directory:serverFilesCourse")
		f("themes", files{"themes/dark/a.css": "x", "themes/light/a.css": "y", "shared/base.css": "z", "README": ""},
			"shared", "theme:dark", "theme:light")
		f("models", files{"models/gpt/config.json": "{}", "models/README": ""}, "model:gpt")
	})
}

// E-46, E-54: a revision is its full state; nothing is left of what was there.
func TestQuestionsMayMoveIntoEachOtherAndBecomeFiles(t *testing.T) {
	t.Parallel()
	const info, text = `{"title": "x"}`, "<p>x</p>"
	topic := files{"questions/a/b/info.json": info, "questions/a/c/info.json": info, "questions/a/c/question.html": text}
	f := func(name string, after files, rejected []string, want ...string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bothFormats(t, func(t *testing.T, r *repo) {
				before := r.build(t, topic, revision.BuildOptions{})
				for _, o := range []revision.BuildOptions{{}, {Previous: before}} {
					ix := r.build(t, after, o)
					expect(t, "chunks", keys(ix), want...)
					expect(t, "rejected", verdicts(ix.Rejected), rejected...)
				}
			})
		})
	}
	f("as it was", topic, nil, "question:a/b", "question:a/c")
	f("renamed", files{"questions/z/b/info.json": info, "questions/a/c/info.json": info}, nil, "question:a/c", "question:z/b")
	f("the topic becomes a question", topic.with(files{"questions/a/info.json": info}),
		[]string{"content_chunk_nested questions/a/b", "content_chunk_nested questions/a/c"}, "question:a")
	f("a question becomes a topic", topic.without("questions/a/b").with(files{"questions/a/b/d/info.json": info}),
		nil, "question:a/b/d", "question:a/c")
	f("a question moves into another", files{"questions/a/c/info.json": info, "questions/a/c/b/info.json": info},
		[]string{"content_chunk_nested questions/a/c/b"}, "question:a/c")
	f("a question becomes a file", topic.without("questions/a/b").with(files{"questions/a/b": "once a question"}), nil, "question:a/c")
	f("a topic becomes a file", files{"questions/a": "once a topic", "questions/d/info.json": info}, nil, "question:d")
	f("a question becomes a link", topic.without("questions/a/b").with(files{"questions/a/b": "link:c"}),
		[]string{"content_not_directory questions/a/b"}, "question:a/c")
	f("the marker goes", topic.without("questions/a/c/info.json"), nil, "question:a/b")
	f("everything goes", files{"README": ""}, nil)
	f("the marker is a directory", topic.without("questions/a/c/info.json").with(files{"questions/a/c/info.json/x": ""}), nil, "question:a/b")
}

// A rule that looks at any depth stops at the chunks of other rules: one directory of another kind in clientFiles is a file of theirs.
func TestCapturesDoNotReachThroughChunks(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	ix := r.build(t, files{
		"courseInstances/Fa26/clientFilesCourseInstance/old/serverFilesCourseInstance/x": "1",
		"courseInstances/Fa26/serverFilesCourseInstance/x":                               "1",
	}, revision.BuildOptions{})
	expect(t, "chunks", keys(ix), "clientFilesCourseInstance:Fa26", "serverFilesCourseInstance:Fa26")
}

func TestTwoDirectoriesWithOneKeyAreTold(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	tree := files{
		"courseInstances/a/assessments/b/c/clientFilesAssessment/x": "1",
		"courseInstances/a/b/assessments/c/clientFilesAssessment/x": "2",
	}
	for _, o := range []revision.BuildOptions{{}, {Previous: r.build(t, tree, revision.BuildOptions{})}} {
		ix := r.build(t, tree, o)
		expect(t, "chunks", keys(ix), "clientFilesAssessment:a/b/c")
		expect(t, "rejected", verdicts(ix.Rejected), "content_chunk_ambiguous courseInstances/a/b/assessments/c/clientFilesAssessment")
	}
}
