package s3api

import (
	"os"
	"regexp"
	"testing"
)

// The page that tells people what the endpoint understands names every operation, and none that is not there.
func TestTheCompatibilityPageNamesEveryOperation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	table := regexp.MustCompile(`(?s)## Operations\n(.*?)\n## `).FindSubmatch(text)
	if table == nil {
		t.Fatal("the page has no table of operations")
	}
	named, real := map[string]bool{}, map[string]bool{}
	for _, word := range regexp.MustCompile(`\b[A-Z][a-z0-9]+[A-Z]\w+|\bPreflight\b`).FindAll(table[1], -1) {
		named[string(word)] = true
	}
	for _, op := range allOperations() {
		if !named[op.Name] {
			t.Errorf("the page does not name %s", op.Name)
		}
		real[op.Name] = true
	}
	for name := range named {
		if !real[name] && name != "NotImplemented" && name != ownedByBucket {
			t.Errorf("the page names %s, which is no operation", name)
		}
	}
}
