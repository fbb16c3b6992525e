package pgbouncer

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated parts of docs/pgbouncer.md instead of comparing them")

// The page shows an import and lists all settings: both are made here.
func TestThePageAboutPgBouncerIsFresh(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "pgbouncer.md")
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := fill(t, string(have), "example", example(t))
	want = fill(t, want, "settings", settingsPage())
	if want == string(have) {
		return
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s is stale: run go test ./internal/pgbouncer -run Fresh -update", path)
}

// fill replaces what stands between the marks of that name.
func fill(t *testing.T, page, name, text string) string {
	t.Helper()
	begin, end := "<!-- "+name+": made by a test -->\n", "<!-- /"+name+" -->\n"
	before, rest, ok := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("the page has no marks for %s", name)
	}
	return before + begin + text + end + after
}

func example(t *testing.T) string {
	t.Helper()
	read := func(path string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata", filepath.Base(path))) }
	r, err := importWith(read, main)
	if err != nil {
		t.Fatal(err)
	}
	ini, err := os.ReadFile("testdata/pgbouncer.ini")
	if err != nil {
		t.Fatal(err)
	}
	text := "```ini\n" + string(ini) + "```\n\n```toml\n" + r.TOML + "```\n\n| setting | line | carried over | remark |\n|---|---|---|---|\n"
	for _, m := range r.Remarks {
		carried := "no"
		if m.Carried {
			carried = "yes, but look at it"
		}
		text += fmt.Sprintf("| `%s` | %s:%d | %s | %s |\n", m.Setting, filepath.Base(m.File), m.Line, carried, m.Text)
	}
	return text
}

func settingsPage() string {
	var b strings.Builder
	for _, section := range []struct {
		title    string
		settings []setting
	}{
		{"Section `[pgbouncer]`", globalSettings()}, {"Section `[databases]`", databaseSettings()}, {"Section `[users]`", userSettings()},
	} {
		b.WriteString("\n### " + section.title + "\n\n| PgBouncer | Holdfast | remark |\n|---|---|---|\n")
		for _, s := range section.settings {
			ours, remark := "", s.reason
			if s.key != "" {
				ours = "`" + strings.Join(append(s.table.path("NAME"), s.key), ".") + "`"
			}
			if s.zero != "" {
				remark = "not 0: " + s.zero
			}
			if s.note != "" {
				remark = s.note
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.name, ours, remark)
		}
	}
	b.WriteByte('\n')
	return b.String()
}
