package config

import (
	"reflect"
	"strings"
	"testing"
)

// S2-18
func TestTheRenderedConfigurationLoadsToTheSameAndTellsNoSecret(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{
		"holdfast.toml": "[database]\nhost = \"db\"\nusername = \"u\"\npassword_file = \"pw\"\n[admin]\ntoken = \"abcdefghijklmnopqrstuvwxyz\"\n" +
			"[edge]\nhosts = [\"a.org\", \"b.org\"]\n[files.buckets.avatars]\npublic = true\n[files.buckets.\"my.papers\"]\nmax_size = \"20MB\"\n" + key,
		"pw": "correct-horse-battery", "master": goodKey,
	})
	c := s.mustLoad(t)
	text := c.Render()
	for _, secret := range []string{"abcdefghijklmnopqrstuvwxyz", "correct-horse-battery", goodKey} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret is rendered:\n%s", text)
		}
	}
	expectIn(
		t, text,
		"[database]\nmode = \"attached\"\nhost = \"db\"\n", "password_file = \""+s.dir+"/pw\"\n",
		"# token is set in "+s.dir+"/holdfast.toml:6 and not shown\n", "[files.buckets.avatars]\npublic = true\n",
	)
	if text != s.mustLoad(t).Render() {
		t.Error("two renderings differ")
	}

	again := newSite(t, map[string]string{"holdfast.toml": text + "\n"})
	again.env = []string{"HOLDFAST_ADMIN__TOKEN=abcdefghijklmnopqrstuvwxyz"}
	c2 := again.mustLoad(t)
	have, want := c2.Settings(), c.Settings()
	for i := range want {
		have[i].Origin, want[i].Origin = "", ""
	}
	if !reflect.DeepEqual(have, want) {
		t.Errorf("loads to\n%+v\nwant\n%+v", have, want)
	}
}

func TestASettingTellsItsOrigin(t *testing.T) {
	t.Parallel()
	s := oneFile(t, "[log]\nlevel = \"warn\"\n"+key)
	s.env = []string{"HOLDFAST_EDGE__HOSTS=a.org"}
	origins := map[string]string{}
	for _, x := range s.mustLoad(t).Settings() {
		origins[x.Key] = strings.TrimPrefix(x.Origin, s.dir+"/")
	}
	expect(t, origins["log.level"], "holdfast.toml:2")
	expect(t, origins["edge.hosts"], "HOLDFAST_EDGE__HOSTS")
	expect(t, origins["s3.listen"], "default")
	expect(t, origins["files.master_key"], "holdfast.toml:5")
}
