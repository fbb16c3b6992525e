package revision

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

const (
	filePrefix  = "file:" // begins a want or a requirement that is a path
	wantAll     = "all"
	placeholder = "{}"
	maxRules    = 100 // rules, and patterns of a rule
)

// Validate reports every mistake in a preset; keys are relative to it.
func (p Preset) Validate() fault.Problems {
	var out fault.Problems
	if len(p.Chunks) == 0 || len(p.Chunks) > maxRules {
		out.Add("chunks", `write one table [[…chunks]] with name and path, at least`, "has %d rules; want 1 to %d", len(p.Chunks), maxRules)
	}
	seen := map[string]bool{}
	for i, r := range p.Chunks {
		place := fmt.Sprintf("chunks.%d", i)
		if seen[r.Name] {
			out.Add(place+".name", "give each rule a name of its own", "%q names two rules", r.Name)
		}
		seen[r.Name] = true
		out = append(out, r.validate(p).Under(place)...)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Profiles)) {
		out = append(out, p.validateProfile(name)...)
	}
	return out
}

func (r Rule) validate(p Preset) fault.Problems {
	var out fault.Problems
	if !isName(r.Name) || r.Name == wantAll || r.Name+":" == filePrefix {
		out.Add("name", `use letters, digits, "_" and "-"; "all" and "file" are taken`, "%q cannot name a rule", r.Name)
	}
	switch {
	case (r.Path == "") == (len(r.Gather) == 0):
		out.Add("path", `path = "questions/{id...}" for directories, gather = ["…/thumbnail.png"] for files`, "want path or gather, one of them")
	case strings.Contains(r.Path, "*"):
		out.Add("path", "capture what differs, as {name}: it becomes part of the key", `%q has a "*", so that several chunks would have one key`, r.Path)
	case r.Path != "":
		checkPattern(&out, "path", r.Path)
	}
	checkFiles(&out, "gather", r.Gather)
	checkFiles(&out, "serve", r.Serve)
	for _, m := range r.Marker {
		if treepack.CheckName(m) != nil || r.Path == "" {
			out.Add("marker", `markers are names of files in the directories of path, as "info.json"`, "%q cannot be a marker here", m)
		}
	}
	for i, q := range r.Requires {
		out = append(out, q.validate(p, r).Under(fmt.Sprintf("requires.%d", i))...)
	}
	return out
}

func checkFiles(out *fault.Problems, key string, list []string) {
	if len(list) > maxRules {
		out.Add(key, "use fewer, wider patterns", "has more than %d patterns", maxRules)
	}
	for _, text := range list {
		if text == "." {
			out.Add(key, `name files, as "{path...}" for all`, `"." is a directory`)
			continue
		}
		checkPattern(out, key, text)
	}
}

func checkPattern(out *fault.Problems, key, text string) {
	if _, err := parsePattern(text); err != nil {
		out.Add(key, `separate names, "*.d", {capture} and {capture...} with "/"`, "%q %v", text, err)
	}
}

func (q Require) validate(p Preset, r Rule) fault.Problems {
	var out fault.Problems
	if !isRelative(q.File) || r.Path == "" {
		out.Add("file", `name a JSON file in the directory of the chunk, as "info.json"`, "%q cannot be read here", q.File)
	}
	if q.Field == "" {
		out.Add("field", `name a member, as "template"`, "is empty")
	}
	if strings.Count(q.Chunk, placeholder) != 1 || !p.known(q.Chunk) {
		out.Add("chunk", `write the key of a chunk with {} for the text, as "question:{}"`, "%q is no chunk of this preset", q.Chunk)
	}
	return out
}

func (p Preset) validateProfile(name string) fault.Problems {
	var out fault.Problems
	place := "profiles." + name
	first, rest, _ := strings.Cut(name, ":")
	if !isName(first) || strings.ContainsAny(rest, "{}*") || name == wantAll || first+":" == filePrefix {
		out.Add(place, `use letters, digits, "_" and "-"; "all" and "file" are taken`, "%q cannot name a profile", name)
	}
	if _, ok := p.rule(first); ok {
		out.Add(place, "choose another name", "a rule is called %q, too", first)
	}
	if len(p.Profiles[name]) == 0 {
		out.Add(place, "list the keys of chunks", "is empty")
	}
	for _, want := range p.Profiles[name] {
		if !p.known(want) {
			out.Add(place, `list keys of chunks, as "elements", "question:{}" or "question:*"`, "%q is no chunk of this preset", want)
		}
	}
	return out
}

// known reports whether a key, perhaps with {} or a "*" at its end, can name chunks of the preset.
func (p Preset) known(key string) bool {
	name, rest, colon := strings.Cut(key, ":")
	r, ok := p.rule(name)
	return ok && colon == r.keyed() && (!colon || rest != "")
}

func (p Preset) rule(name string) (Rule, bool) {
	i := slices.IndexFunc(p.Chunks, func(r Rule) bool { return r.Name == name })
	if i < 0 {
		return Rule{}, false
	}
	return p.Chunks[i], true
}

// keyed reports whether the keys of the rule's chunks have something behind the name.
func (r Rule) keyed() bool {
	compiled, err := parsePattern(r.Path)
	return err == nil && compiled.capturing()
}

// isRelative reports a path that has only plain names.
func isRelative(path string) bool {
	for name := range strings.SplitSeq(path, "/") {
		if name == "" || name == "." || name == ".." || strings.ContainsRune(name, 0) {
			return false
		}
	}
	return true
}
