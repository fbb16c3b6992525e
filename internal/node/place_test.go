package node

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func wantFile(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != text {
		t.Errorf("%s: %q, %v", path, b, err)
		return
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("%s: %v, %v", path, info.Mode(), err)
	}
}

func TestABundleIsWrittenInItsLayout(t *testing.T) {
	t.Parallel()
	b := sample()
	config := below(t, "site/holdfast.toml")
	o := PlaceOptions{Config: config}
	if err := b.Check(o); err != nil {
		t.Fatal(err)
	}
	placed, err := b.Place(o)
	secret := filepath.Join(filepath.Dir(config), "secrets/master_key")
	if err != nil || placed.Config != config || len(placed.Written) != 2 || placed.Written[1] != config {
		t.Fatalf("%+v, %v", placed, err)
	}
	wantFile(t, config, string(b.Files[0].Data), 0o644)
	wantFile(t, secret, string(b.Files[1].Data), 0o600)
	if info, err := os.Stat(filepath.Dir(secret)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	wantCode(t, "again", b.Check(o), "config_exists")
	if placed, err := b.Place(o); err != nil || len(placed.Kept) != 2 {
		t.Errorf("the same again: %+v, %v", placed, err)
	}
}

func TestADirectoryOfFilesIsWrittenAsOne(t *testing.T) {
	t.Parallel()
	b := sample()
	b.Config, b.Directory = "/etc/holdfast", true
	b.Files[0].Name = "10-site.toml"
	dir := below(t, "conf")
	placed, err := b.Place(PlaceOptions{Config: dir})
	if err != nil || placed.Config != dir {
		t.Fatalf("%+v, %v", placed, err)
	}
	wantFile(t, filepath.Join(dir, "10-site.toml"), string(b.Files[0].Data), 0o644)
	wantFile(t, filepath.Join(dir, "secrets/master_key"), string(b.Files[1].Data), 0o600)
}

func TestNothingIsOverwrittenUnlessItIsAskedFor(t *testing.T) {
	t.Parallel()
	b := sample()
	dir := t.TempDir() // names a directory for a configuration that is one file
	config := filepath.Join(dir, "holdfast.toml")
	if err := os.WriteFile(config, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := b.Place(PlaceOptions{Config: dir})
	wantCode(t, "place", err, "config_exists")
	wantFile(t, config, "mine", 0o600)
	if _, err := os.Stat(filepath.Join(dir, "secrets/master_key")); err == nil {
		t.Error("a secret was left behind")
	}
	if _, err := b.Place(PlaceOptions{Config: dir, Force: true}); err != nil {
		t.Fatal(err)
	}
	wantFile(t, config, string(b.Files[0].Data), 0o644)
}

func TestFilesElsewhereAreWrittenOnlyWhenSaid(t *testing.T) {
	t.Parallel()
	b := sample()
	outside := below(t, "run/token")
	b.Files = append(b.Files, File{Name: outside, Key: "admin.token", Mode: 0o644, Data: []byte("t")})
	o := PlaceOptions{Config: below(t, "holdfast.toml")}
	wantCode(t, "check", b.Check(o), "join_outside")
	_, err := b.Place(o)
	wantCode(t, "place", err, "join_outside")
	o.Outside = true
	if _, err := b.Place(o); err != nil {
		t.Fatal(err)
	}
	wantFile(t, outside, "t", 0o600)
	if all := b.Outside(); len(all) != 1 || all[0].Name != outside {
		t.Errorf("%v", all)
	}
}

func TestABundleThatLeadsElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	f := func(what string, change func(*Bundle)) {
		t.Helper()
		b := sample()
		change(&b)
		text, err := b.encode()
		if err != nil {
			t.Fatal(err)
		}
		_, err = decodeBundle(text)
		wantCode(t, what, err, "join_answer")
	}
	f("up", func(b *Bundle) { b.Files[1].Name = "../x" })
	f("up inside", func(b *Bundle) { b.Files[1].Name = "a/../../x" })
	f("not clean", func(b *Bundle) { b.Files[1].Name = "a/./x" })
	f("absolute and up", func(b *Bundle) { b.Files[1].Name = "/etc/../x" })
	f("empty", func(b *Bundle) { b.Files[1].Name = "" })
	f("line", func(b *Bundle) { b.Files[1].Name = "a\nb" })
	f("configuration elsewhere", func(b *Bundle) { b.Files[0].Name = "x.toml" })
	f("configuration below", func(b *Bundle) { b.Directory = true; b.Files[0].Name = "a/x.toml" })
	f("configuration hidden", func(b *Bundle) { b.Directory = true; b.Files[0].Name = ".x.toml" })
	f("configuration of another kind", func(b *Bundle) { b.Directory = true; b.Files[0].Name = "x.sh" })
	f("relative", func(b *Bundle) { b.Config = "holdfast.toml" })
	f("nothing", func(b *Bundle) { b.Files = nil })
	twice := sample()
	twice.Files = append(twice.Files, twice.Files[1])
	_, err := twice.Place(PlaceOptions{Config: below(t, "holdfast.toml")})
	wantCode(t, "twice", err, "join_answer")
}
