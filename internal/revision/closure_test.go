package revision_test

import (
	"fmt"
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

func closure(t *testing.T, ix *revision.Index, p revision.Preset, want ...string) (have, absent []string) {
	t.Helper()
	chunks, absent, err := ix.Closure(p, want)
	if err != nil {
		t.Fatalf("closure of %q: %v", want, err)
	}
	for _, c := range chunks {
		have = append(have, c.Key)
	}
	return have, absent
}

// S4-22, S4-23, E-50, E-56: what a page needs is declared once, and no caller can forget a part of it.
func TestProfilesNameAllThatAPageNeeds(t *testing.T) {
	t.Parallel()
	ix := newRepo(treepack.SHA1).build(t, small(), revision.BuildOptions{})
	f := func(want string, absent string, have ...string) {
		t.Helper()
		got, gone := closure(t, ix, course(), strings.Fields(want)...)
		expect(t, want, got, have...)
		expect(t, want+", absent", gone, strings.Fields(absent)...)
	}
	level := []string{"clientFilesCourse", "elementExtensions", "elements"}
	f("page:questions", "", "thumbnails")
	f("render:lever", "", append(level, "question:lever", "serverFilesCourse")...)
	f("render:a/c", "", append(level, "question:a/b", "question:a/c", "serverFilesCourse")...)
	f("render:a/c instance:Fa26", "", "clientFilesCourse", "clientFilesCourseInstance:Fa26", "elementExtensions", "elements",
		"question:a/b", "question:a/c", "serverFilesCourse", "serverFilesCourseInstance:Fa26")
	f("instance:dept/Sp27", "clientFilesCourseInstance:dept/Sp27", "serverFilesCourseInstance:dept/Sp27")
	f("assessment:Fa26/hw1", "", "clientFilesAssessment:Fa26/hw1")
	f("render:gone", "question:gone", append(level, "serverFilesCourse")...)
	f("question:a/b", "", "question:a/b")
	f("question:a/c", "", "question:a/b", "question:a/c")
	f("question:a/*", "", "question:a/b", "question:a/c")
	f("questions", "", "question:a/b", "question:a/c", "question:lever")
	f("course", "", append(level, "serverFilesCourse")...)
	f("file:clientFilesCourse/logo.png", "", "clientFilesCourse")
	f("file:questions/a/b/clientFilesQuestion/x", "", "question:a/b")
	f("file:docs/readme", "file:docs/readme")
	f("elements elements question:no/* question:gone", "question:gone", "elements")
	f("", "")
	all, _ := closure(t, ix, course(), "all")
	expect(t, "all", all, keys(ix)...)
}

func TestWantsThatMeanNothingAreRefusedWithWhatThereIs(t *testing.T) {
	t.Parallel()
	ix := newRepo(treepack.SHA1).build(t, small(), revision.BuildOptions{})
	for _, want := range []string{
		"", "elephants", "question", "question:", "elements:x", "render", "render:", "page:questions:x", "course:x", "file:", "file:/etc", "file:a/../b", "all:x", ":x",
	} {
		_, _, err := ix.Closure(course(), []string{"elements", want})
		if fault.KindOf(err) != fault.Usage || fault.CodeOf(err) != "content_want_unknown" {
			t.Errorf("%q: %v", want, err)
		}
	}
	_, _, err := ix.Closure(course(), []string{"x"})
	if hint := fault.HintOf(err); !strings.Contains(hint, "question:…") || !strings.Contains(hint, "page:questions") {
		t.Errorf("hint %q: want rules and profiles", hint)
	}
}

// E-56: templates recurse, and may do so in a circle.
func TestRequirementsAreTransitiveAndMayBeCyclic(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	tree := files{
		"questions/circle/info.json": `{"template": "circle2"}`, "questions/circle2/info.json": `{"template": "circle"}`,
		"questions/self/info.json": `{"template": "self"}`, "questions/lost/info.json": `{"template": "nowhere"}`,
		"questions/none/info.json": `{"template": null}`, "questions/empty/info.json": `{"template": ""}`,
		"questions/list/info.json": `{"template": ["self", "none", "self"]}`,
		"questions/odd/info.json":  `{"template": {"id": 7}}`, "questions/json/info.json": `{"template"`,
	}
	const deep = 300
	for i := range deep {
		tree[fmt.Sprintf("questions/t%d/info.json", i)] = fmt.Sprintf(`{"template": "t%d"}`, i+1)
	}
	ix := r.build(t, tree, revision.BuildOptions{})
	f := func(id, absent string, have ...string) {
		t.Helper()
		got, gone := closure(t, ix, course(), "question:"+id)
		expect(t, id, got, have...)
		expect(t, id+", absent", gone, strings.Fields(absent)...)
	}
	f("circle", "", "question:circle", "question:circle2")
	f("self", "", "question:self")
	f("lost", "question:nowhere", "question:lost")
	f("none", "", "question:none")
	f("empty", "", "question:empty")
	f("list", "", "question:list", "question:none", "question:self")
	f("odd", "", "question:odd")
	got, gone := closure(t, ix, course(), "render:t0")
	if len(got) != deep || len(gone) != 5 {
		t.Errorf("a chain of %d templates: %d chunks, absent %q", deep, len(got), gone)
	}
	expect(t, "warned", verdicts(ix.Warned),
		"content_requires_unreadable questions/json/info.json", "content_requires_unreadable questions/odd/info.json")
}

// A link that may lead to other chunks requires them.
func TestLinksIntoOtherChunksAreRequirements(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	ix := r.build(t, small().with(files{
		"questions/lever/l": "link:../../serverFilesCourse/physics", "questions/lever/m": "link:../../docs/deep",
	}), revision.BuildOptions{Links: revision.Course})
	got, gone := closure(t, ix, course(), "question:lever")
	expect(t, "chunks", got, "question:lever", "serverFilesCourse")
	expect(t, "absent", gone, "file:docs/deep")
}

// S4-24, issue 4: browsers get what the rules serve, and nothing else.
func TestOnlyWhatTheRulesServeIsForBrowsers(t *testing.T) {
	t.Parallel()
	ix := newRepo(treepack.SHA1).build(t, small(), revision.BuildOptions{})
	f := func(want bool, paths ...string) {
		t.Helper()
		for _, path := range paths {
			if got := ix.Served(course(), path); got != want {
				t.Errorf("%q is served: %v; want %v", path, got, want)
			}
		}
	}
	f(true, "clientFilesCourse/logo.png", "clientFilesCourse/a/b/c", "questions/a/b/clientFilesQuestion/fig/one.png", "questions/a/b/thumbnail.png",
		"courseInstances/Fa26/clientFilesCourseInstance/a", "courseInstances/Fa26/assessments/hw1/clientFilesAssessment/plot.png",
		"elements/clock/clock.js", "elements/clock/clientFilesElement/face.svg")
	f(false, "questions/a/b/info.json", "questions/a/b/question.html", "questions/a/b/clientFilesQuestion", "questions/a/b",
		"serverFilesCourse/physics/constants.py", "courseInstances/Fa26/serverFilesCourseInstance/b", "elements/clock/clock.py",
		"infoCourse.json", "docs/deep/down/info.json", "clientFilesCourse", "clientFilesCourse/", "clientFilesCourse/../serverFilesCourse/x",
		"/clientFilesCourse/logo.png", "clientFilesCourse//logo.png", "clientFilesCourse/./logo.png", "", "questions/gone/thumbnail.png",
		"clientFilesCourse2/x", "questions/a/clientFilesQuestion/x")
}

// What is private stays so inside of what is served, and also when its own chunk is missing.
func TestPrivateChunksInsideServedOnesStayPrivate(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	p := revision.Preset{Chunks: []revision.Rule{
		{Name: "site", Path: "site", Serve: []string{"{path...}"}},
		{Name: "keys", Path: "site/keys/{name}"},
		{Name: "open", Path: "site/keys/{name}/open", Serve: []string{"{path...}"}},
	}}
	tree := files{"site/index.html": "x", "site/keys/a/secret": "x", "site/keys/a/open/x": "x", "site/keys/b": "link:../index.html"}
	ix := r.buildAs(t, p, tree, revision.BuildOptions{})
	for path, want := range map[string]bool{
		"site/index.html": true, "site/keys/a/secret": false, "site/keys/a/open/x": true, "site/keys/b": false, "site/keys/c": true,
	} {
		if got := ix.Served(p, path); got != want {
			t.Errorf("%q is served: %v; want %v", path, got, want)
		}
	}
	// A link from one private directory to the served one around it leaves its own chunk, but not that around it.
	ix = r.buildAs(t, p, tree.with(files{"site/keys/c/l": "link:../../index.html", "site/keys/c/secret": "x"}), revision.BuildOptions{})
	expect(t, "rejected", verdicts(ix.Rejected), "content_not_directory site/keys/b", "content_link_leaves site/keys/c/l")
	if ix.Served(p, "site/keys/c/secret") {
		t.Error("the private file of a rejected chunk is served as a part of the chunk around it")
	}
}

func TestLocateFindsTheInnermostChunk(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	p := course()
	p.Chunks = append(p.Chunks, revision.Rule{Name: "figures", Path: "questions/a/b/clientFilesQuestion/fig"})
	ix := r.buildAs(t, p, small().with(files{"questions/topic/thumbnail.png": "x"}), revision.BuildOptions{})
	f := func(path, want string) {
		t.Helper()
		c, ok := ix.Locate(path)
		if ok != (want != "") || ok && c.Key != want {
			t.Errorf("%q is in %+v; want %q", path, c, want)
		}
	}
	f("questions/a/b/question.html", "question:a/b")
	f("questions/a/b", "question:a/b")
	f("questions/a/b/clientFilesQuestion/fig/x", "figures")
	f("questions/a/b/clientFilesQuestion/x", "question:a/b")
	f("questions/a/b/thumbnail.png", "question:a/b")
	f("questions/topic/thumbnail.png", "thumbnails")
	f("questions/a", "")
	f("infoCourse.json", "")
	f("../questions/a/b/x", "")
}

// E-48: a report says what a sync changed.
func TestCompareTellsWhatChanged(t *testing.T) {
	t.Parallel()
	r := newRepo(treepack.SHA1)
	before := r.build(t, small(), revision.BuildOptions{})
	after := r.build(t, small().without("questions/lever", "elements", "questions/a/b").with(files{
		"questions/handle/info.json": `{"title": "Lever"}`, "questions/handle/tests/thumbnail.jpg": "JPEG",
		"questions/new/info.json": "{}", "serverFilesCourse/x": "y", "README.md": "other",
	}), revision.BuildOptions{Previous: before})
	got := fmt.Sprintf("%+v", revision.Compare(before, after))
	want := "{Added:[question:new] Changed:[serverFilesCourse thumbnails] Removed:[elements question:a/b] " +
		"Renamed:[{From:question:lever To:question:handle}] Same:7}"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if c := revision.Compare(nil, before); len(c.Added) != 12 || c.Same != 0 {
		t.Errorf("against nothing: %+v", c)
	}
	if c := revision.Compare(before, before); c.Same != 12 || len(c.Changed) != 0 {
		t.Errorf("against itself: %+v", c)
	}
}
