package config

import (
	"reflect"
	"testing"
)

// handouts is a source with rules of its own.
const handouts = `
[content.sources.physics]
git = "../course"
known_hosts = "known_hosts"
preset = "handouts"
deploy_key_file = "deploy"

[content.presets.handouts]
profiles = {read = ["handout:{}", "shared"]}
[[content.presets.handouts.chunks]]
name = "handout"
path = "handouts/{name...}"
marker = ["handout.toml"]
requires = [{file = "handout.toml", field = "uses", chunk = "handout:{}"}]
[[content.presets.handouts.chunks]]
name = "shared"
path = "shared"
whole = true
serve = ["{path...}"]
`

// S4-11: rules are data in the configuration, lists of tables in tables with a name among them; what is printed of them
// loads to the same.
func TestRulesOfContentAreReadAndRendered(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"holdfast.toml": handouts + key, "deploy": "a key", "master": goodKey})
	c := s.mustLoad(t)
	p := c.Content.Presets["handouts"]
	if len(p.Chunks) != 2 || p.Chunks[0].Requires[0].Chunk != "handout:{}" || !p.Chunks[1].Whole {
		t.Errorf("rules: %+v", p.Chunks)
	}
	if want := map[string][]string{"read": {"handout:{}", "shared"}}; !reflect.DeepEqual(p.Profiles, want) {
		t.Errorf("profiles: %v", p.Profiles)
	}
	source := c.Content.Sources["physics"]
	expect(t, source.DeployKey.Reveal(), "a key")
	expect(t, source.KnownHosts, s.dir+"/known_hosts")
	expect(t, c.Content.Socket, c.Paths.State+"/content.sock")
	text := c.Render()
	expectIn(t, text, "[[content.presets.handouts.chunks.requires]]\n", `profiles = {"read" = ["handout:{}", "shared"]}`)
	again := newSite(t, map[string]string{"holdfast.toml": text, "master": goodKey}).mustLoad(t)
	have, want := again.Settings(), c.Settings()
	if len(have) != len(want) {
		t.Fatalf("what is printed loads to %d settings, want %d", len(have), len(want))
	}
	for i := range want {
		if !Same(have[i], want[i]) {
			t.Errorf("what is printed loads to %+v, want %+v", have[i], want[i])
		}
	}
}
