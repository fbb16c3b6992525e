package revision_test

import (
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"holdfast/internal/revision"
)

func TestThePresetsAreValid(t *testing.T) {
	t.Parallel()
	all := revision.Presets()
	for _, name := range []string{"course", "plain", "directories", "themes", "models"} {
		if p, ok := all[name]; !ok || p.Validate().Err() != nil {
			t.Errorf("preset %q: there %v, %v", name, ok, p.Validate().Err())
		}
	}
}

// S4-11: rules are data in the configuration.
func TestAPresetCanBeWrittenInTOML(t *testing.T) {
	t.Parallel()
	var p revision.Preset
	err := toml.NewDecoder(strings.NewReader(`
[profiles]
render = ["page:{}", "css"]
[[chunks]]
name = "page"
path = "pages/{id...}"
marker = ["index.md", "index.html"]
serve = ["{path...}"]
requires = [{ file = "meta.json", field = "parent.id", chunk = "page:{}" }]
[[chunks]]
name = "css"
gather = ["pages/{id...}/*.css"]
[[chunks]]
name = "lib"
path = "lib"
whole = true
`)).DisallowUnknownFields().Decode(&p)
	if err != nil || p.Validate().Err() != nil {
		t.Fatalf("decode: %v, validate: %v", err, p.Validate().Err())
	}
	r := newRepo(1)
	ix := r.buildAs(t, p, files{
		"pages/a/index.md": "# a", "pages/a/x.css": "a{}", "pages/b/c/index.html": "<b>", "pages/b/c/meta.json": `{"parent": {"id": "a"}}`, "lib/x": "",
	}, revision.BuildOptions{})
	got, absent := closure(t, ix, p, "render:b/c")
	expect(t, "render", got, "css", "page:a", "page:b/c")
	expect(t, "absent", absent)
	if c, _ := ix.Chunk("lib"); !c.Whole {
		t.Error("lib is not whole")
	}
}

func TestEveryMistakeOfAPresetIsToldAtOnce(t *testing.T) {
	t.Parallel()
	rule := func(name, path string) revision.Rule { return revision.Rule{Name: name, Path: path} }
	p := revision.Preset{
		Chunks: []revision.Rule{
			rule("all", "a"),
			rule("two words", "b"),
			rule("twice", "c"),
			rule("twice", "d//e"),
			{Name: "none"},
			{Name: "both", Path: "x", Gather: []string{"y"}},
			{Name: "patterns", Gather: []string{"{x", "."}, Serve: []string{"../x"}},
			{Name: "marker", Path: "m", Marker: []string{"a/b"}},
			{Name: "loose", Gather: []string{"g"}, Marker: []string{"x"}, Requires: []revision.Require{{File: "x", Field: "y", Chunk: "named:{}"}}},
			{Name: "needs", Path: "n", Requires: []revision.Require{{File: "../x", Chunk: "nothing:{}"}, {File: "x", Field: "y", Chunk: "named"}}},
			rule("star", "*.d"),
			rule("named", "named/{x}"),
		},
		Profiles: map[string][]string{"file": {"twice"}, "named": {"twice"}, "empty": nil, "what": {"nothing", "named", "twice:x"}, "x:{}": {"twice"}},
	}
	want := []string{
		"chunks.0.name", "chunks.1.name", "chunks.3.name", "chunks.3.path", "chunks.4.path", "chunks.5.path", "chunks.6.gather", "chunks.6.gather",
		"chunks.6.serve", "chunks.7.marker", "chunks.8.marker", "chunks.8.requires.0.file", "chunks.9.requires.0.file", "chunks.9.requires.0.field",
		"chunks.9.requires.0.chunk", "chunks.9.requires.1.chunk", "chunks.10.path",
		"profiles.empty", "profiles.file", "profiles.named", "profiles.what", "profiles.what", "profiles.what", "profiles.x:{}",
	}
	var got []string
	for _, problem := range p.Validate() {
		if problem.Hint == "" || problem.Message == "" {
			t.Errorf("%+v lacks a message or a hint", problem)
		}
		got = append(got, problem.Key)
	}
	expect(t, "problems", got, want...)
	if len(revision.Preset{}.Validate()) != 1 {
		t.Error("a preset without rules is taken")
	}
}
