package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every example loads, once its secrets exist. The paths of secrets are moved below a directory of the test.
func TestEveryExampleIsUnderstood(t *testing.T) {
	t.Parallel()
	top := filepath.Join("..", "..", "examples", "config")
	entries, err := os.ReadDir(top)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		n++
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			copyExample(t, filepath.Join(top, e.Name()), dir, e.IsDir())
			if _, err := Load(filepath.Join(dir, e.Name()), nil); err != nil {
				t.Error(err)
			}
		})
	}
	if n < 4 {
		t.Errorf("found %d examples", n)
	}
}

func copyExample(t *testing.T, from, dir string, isDir bool) {
	t.Helper()
	files := []string{from}
	to := dir
	if isDir {
		to = filepath.Join(dir, filepath.Base(from))
		var err error
		if files, err = filesOf(from); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if key, path, ok := strings.Cut(strings.TrimSpace(line), fileSuffix+` = "`); ok {
				path, _, _ = strings.Cut(path, `"`)
				writeFile(t, filepath.Join(dir, filepath.Base(path)), "a-good-one-for-"+key+"-7d2k9x3m5h6j")
				text = []byte(strings.Replace(string(text), path, filepath.Join(dir, filepath.Base(path)), 1))
			}
		}
		writeFile(t, filepath.Join(to, filepath.Base(name)), string(text))
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// tomlBlocks returns what stands indented in a page and begins with a table.
func tomlBlocks(page string) []string {
	var blocks []string
	block := ""
	for line := range strings.Lines(page + "\n.") {
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented && (block != "" || strings.HasPrefix(text, "[")):
			block += text
		case block != "" && strings.TrimSpace(line) == "":
			block += "\n"
		case block != "":
			blocks, block = append(blocks, block), ""
		}
	}
	return blocks
}

// What the page about the pooler shows is a configuration. Certificates and secrets it only names. What it shows of LDAP and of peers is
// run by the tests of the daemon.
func TestTheBlocksOfThePoolersPageAreUnderstood(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "operate", "pooler.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := tomlBlocks(string(page))
	if len(blocks) < 6 {
		t.Errorf("found %d blocks", len(blocks))
	}
	for _, text := range blocks {
		s := oneFile(t, text+key)
		for line := range strings.Lines(s.mistakes(t)) {
			named := strings.Contains(line, "].tls_cert: ") || strings.Contains(line, "database.sslcert: ") ||
				strings.Contains(line, fileSuffix+": read secrets/")
			if !named {
				t.Errorf("%s\n%s", text, line)
			}
		}
	}
}
