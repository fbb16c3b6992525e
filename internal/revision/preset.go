package revision

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// Presets returns the presets that need not be configured. "course" is the layout of PrairieLearn's courses; "plain" is a
// whole tree as one chunk; "directories" has a chunk for each top directory; "themes" has one for each theme, "models"
// one for each model, and one for what they share.
func Presets() map[string]Preset {
	return map[string]Preset{
		"course": coursePreset(),
		"plain":  {Chunks: []Rule{{Name: "tree", Path: "."}}, Profiles: map[string][]string{"render": {"tree"}}},
		"directories": {
			Chunks:   []Rule{{Name: "directory", Path: "{name}", Whole: true}},
			Profiles: map[string][]string{"render": {"directory:{}"}},
		},
		"themes": namedPreset("theme", "themes", "assets/{path...}", "static/{path...}"),
		"models": namedPreset("model", "models"),
	}
}

// namedPreset has a chunk for each directory of a folder and one for the folder "shared".
func namedPreset(name, folder string, serve ...string) Preset {
	return Preset{
		Chunks: []Rule{
			{Name: name, Path: folder + "/{name}", Whole: true, Serve: serve},
			{Name: "shared", Path: "shared", Whole: true, Serve: serve},
		},
		Profiles: map[string][]string{"render": {name + ":{}", "shared"}},
	}
}

// coursePreset is the layout of a course of PrairieLearn. Questions, course instances and assessments may lie at any depth.
// What browsers may have are the clientFiles of each level and the scripts and styles of elements.
func coursePreset() Preset {
	const (
		all        = "{path...}"
		instance   = "courseInstances/{instance...}/"
		assessment = instance + "assessments/{assessment...}/"
	)
	question := Rule{
		Name: "question", Path: "questions/{id...}", Marker: []string{"info.json"},
		Requires: []Require{{File: "info.json", Field: "template", Chunk: "question:{}"}},
		Serve:    []string{"clientFilesQuestion/" + all},
	}
	return Preset{
		Chunks: []Rule{
			{Name: "elements", Path: "elements", Whole: true, Serve: elementFiles("{element}/", "clientFilesElement/")},
			{Name: "elementExtensions", Path: "elementExtensions", Whole: true, Serve: elementFiles("{element}/{extension}/", "clientFilesExtension/")},
			{Name: "clientFilesCourse", Path: "clientFilesCourse", Whole: true, Serve: []string{all}},
			{Name: "serverFilesCourse", Path: "serverFilesCourse", Whole: true},
			{Name: "clientFilesCourseInstance", Path: instance + "clientFilesCourseInstance", Serve: []string{all}},
			{Name: "serverFilesCourseInstance", Path: instance + "serverFilesCourseInstance"},
			{Name: "clientFilesAssessment", Path: assessment + "clientFilesAssessment", Serve: []string{all}},
			question,
			{Name: "thumbnails", Gather: []string{"questions/{id...}/thumbnail.*"}, Serve: []string{all}},
		},
		Profiles: map[string][]string{
			"render":         {"question:{}", "elements", "elementExtensions", "serverFilesCourse", "clientFilesCourse"},
			"instance":       {"clientFilesCourseInstance:{}", "serverFilesCourseInstance:{}"},
			"assessment":     {"clientFilesAssessment:{}"},
			"course":         {"elements", "elementExtensions", "serverFilesCourse", "clientFilesCourse"},
			"questions":      {"question:*"},
			"page:questions": {"thumbnails"},
		},
	}
}

// elementFiles are the files of elements that a page refers to: scripts and styles, and the folder for all others.
func elementFiles(element, folder string) []string {
	return []string{element + "*.js", element + "*.css", element + folder + "{path...}"}
}

// rulesVersion is raised when the same rules begin to give other chunks or verdicts.
const rulesVersion = "holdfast content rules 1"

// digest covers all that decides what an index lists: rules, limits and policies. Profiles and what is served can change
// without a new index.
func (p Preset) digest(o BuildOptions) [32]byte {
	d := appendText(nil, rulesVersion)
	rules := slices.SortedFunc(slices.Values(p.Chunks), func(a, b Rule) int { return strings.Compare(a.Name, b.Name) })
	for _, r := range rules {
		d = appendTexts(d, r.Name, r.Path)
		d = appendTexts(binary.AppendUvarint(d, uint64(len(r.Marker))), r.Marker...)
		d = appendTexts(binary.AppendUvarint(d, uint64(len(r.Gather))), r.Gather...)
		d = binary.AppendUvarint(d, uint64(len(r.Requires)))
		for _, q := range r.Requires {
			d = appendTexts(d, q.File, q.Field, q.Chunk)
		}
		d = appendBool(d, r.Whole)
	}
	d = appendTexts(append(d, 0), o.Links, o.Submodules)
	l := o.Limits
	for _, n := range []int64{l.Part, l.Plain, int64(l.Files), int64(l.Depth), l.Blob} {
		d = binary.AppendVarint(d, n)
	}
	return sha256.Sum256(d)
}

// Digest tells indexes apart that were made by other rules, limits or policies: it is what Build writes to Index.Preset.
func (p Preset) Digest(o BuildOptions) [32]byte { return p.digest(o.withDefaults()) }

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendTexts(dst []byte, list ...string) []byte {
	for _, s := range list {
		dst = appendText(dst, s)
	}
	return dst
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}
