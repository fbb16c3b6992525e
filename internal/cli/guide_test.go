package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/config"
)

// guide is the page that leads from what an administrator wants to where it is told.
const guide = "../../docs/operate/README.md"

// S1-01: every line of the guide leads to a heading of a page, a setting and a command that exist.
func TestTheGuideLeadsWhereItSays(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| you want") {
			continue
		}
		rows++
		for _, wrong := range guideMistakes(line) {
			t.Errorf("%s in:\n%s", wrong, line)
		}
	}
	if rows < 30 {
		t.Errorf("%d rows", rows)
	}
}

func TestMistakesInTheGuideAreFound(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"| x | [P](pooler.md#no-such-heading) | `database.host` |", "| x | [P](pooler.md#size) | `edge.redirect_https` |", "| x | nothing | `database.host` |",
		"| x | [P](pooler.md#size) | `database.size` |", "| x | [P](pooler.md#size) | `holdfast join` |", "| x | [P](pooler.md#size) | `holdfast pools` |", "| x | [P](pooler.md#size) | |",
	} {
		if got := guideMistakes(line); len(got) != 1 {
			t.Errorf("%s: found %q", line, got)
		}
	}
}

// guideMistakes returns what a row of the guide names that does not exist.
func guideMistakes(row string) (wrong []string) {
	link := regexp.MustCompile(`\]\(([^)#]+)#([^)]+)\)`).FindStringSubmatch(row)
	if link == nil {
		return []string{"no page"}
	}
	page, err := os.ReadFile(filepath.Join(filepath.Dir(guide), link[1]))
	if err != nil || !hasHeading(string(page), link[2]) {
		wrong = append(wrong, fmt.Sprintf("no heading %s#%s", link[1], link[2]))
	}
	names := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[strings.LastIndex(strings.TrimRight(row, " |\n"), "|"):], -1)
	if len(names) == 0 {
		wrong = append(wrong, "no setting and no command")
	}
	for _, n := range names {
		if !strings.Contains(string(page), n[1][strings.LastIndexAny(n[1], ".")+1:]) {
			wrong = append(wrong, link[1]+" does not speak of "+n[1])
			continue
		}
		if command, ok := strings.CutPrefix(n[1], "holdfast "); ok {
			found, rest, err := newRoot(&app{}).Find(strings.Fields(command))
			if err != nil || len(rest) > 0 || !found.HasParent() {
				wrong = append(wrong, "no command "+n[1])
			}
		} else if _, _, ok := config.Lookup(n[1]); !ok {
			wrong = append(wrong, "no setting "+n[1])
		}
	}
	return wrong
}

// hasHeading reports whether a page has a heading with this anchor, as Markdown's readers make them.
func hasHeading(page, anchor string) bool {
	for line := range strings.Lines(page) {
		title := strings.TrimLeft(line, "#")
		if title == line {
			continue
		}
		slug := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), "")
		if strings.ReplaceAll(slug, " ", "-") == anchor {
			return true
		}
	}
	return false
}
