package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/fault"
)

// FuzzTheLoader feeds arbitrary text and environments. Whatever comes, loading ends with a configuration or with
// mistakes that each name a key, and the one secret that is always there is never shown.
func FuzzTheLoader(f *testing.F) {
	f.Add(schoolPool+schoolStore, "HOLDFAST_DATABASE__HOST=x")
	f.Add("[database]\nhots = 1\n[[edge]]\nhosts = [1, [2]]\n[files.buckets.\"a.b\"]\npublic = 1\n", "DATABASE_URL=postgres://a:b@c/d")
	f.Add("a = { b = { c = 1 } }\nd.e.f = 1979-05-27\n[[x]]\n[[x]]\n[x.y]\nz = nan\n", "HOLDFAST_A__B__C=1")
	f.Add("[storage.s3]\nenabled = true\nsecret_key_file = \"/dev/zero\"\n", "HOLDFAST_EDGE__HOSTS=[[")
	f.Add("\"\" = 1\n'' . \"x y\" = 2\n[files.buckets.\"\"]\npublic = true\n", "HOLDFAST_=1")
	path := filepath.Join(f.TempDir(), "holdfast.toml") // one file again and again: making directories is what takes time
	f.Fuzz(func(t *testing.T, text, env string) {
		const secret = "v3ry-s3cr3t-v4lu3-0f-th3-t3st"
		text += "\n[admin]\ntoken = \"" + secret + "\"\n"
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := Load(path, []string{env})
		if err == nil {
			if out := c.Render(); strings.Contains(out, secret) {
				t.Fatalf("rendering shows the secret:\n%s", out)
			}
			return
		}
		if strings.Contains(err.Error(), secret) {
			t.Fatalf("a mistake shows the secret:\n%v", err)
		}
		var problems fault.Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("not a list of mistakes: %v", err)
		}
		for _, p := range problems {
			if p.Key == "" || p.Message == "" {
				t.Fatalf("a mistake without a key or a message: %+v", p)
			}
		}
	})
}
