package pooler

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// page returns a page of the documentation, with spaces in place of the ends of lines.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// S0-14, C-01: the cost of the hop is published, direct and pooled in one table, and the sentence that one may not need a pooler stands
// beside the way to it.
func TestTheCostOfTheHopIsPublishedBesideTheAdvice(t *testing.T) {
	t.Parallel()
	numbers := page(t, "numbers.md")
	if !strings.Contains(numbers, "| mode | direct | through PgBouncer | through Holdfast |") ||
		!regexp.MustCompile(`\| simple \| \d+ \| \d+ \(\+\d+\) \| \d+ \(\+\d+\) \|`).MatchString(numbers) {
		t.Error("numbers.md has no table of the hop, direct beside pooled")
	}
	guide := page(t, "operate/pooler.md")
	for _, want := range []string{
		"a pooler adds a hop and knows nothing that the process does not", "numbers.md#pooler-cost-of-the-hop", "direct and pooled beside each other",
		"Neither mode is the better one", "holdfast pool advise",
	} {
		if !strings.Contains(guide, want) {
			t.Errorf("operate/pooler.md does not say %q", want)
		}
	}
	if strings.Contains(guide, "best mode") || strings.Contains(guide, "the best") {
		t.Error("operate/pooler.md calls something the best")
	}
}

// S2-27, C-20: what cannot be enforced is said.
func TestTheLimitOfTheProtocolIsSaid(t *testing.T) {
	t.Parallel()
	guide := page(t, "operate/pooler.md")
	const want = "psql and the application look the same on the wire"
	if !strings.Contains(guide, want) || !strings.Contains(guide, "decided by who holds which credential and from where") {
		t.Errorf("operate/pooler.md does not say that %s", want)
	}
}
