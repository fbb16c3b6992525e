package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// commands returns all commands, each before those below it.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, sub := range c.Commands() {
		all = append(all, commands(sub)...)
	}
	return all
}

func testRoot() *cobra.Command {
	return newRoot(&app{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}})
}

const referenceHead = `# Command reference

This page is generated from the help texts (` + "`go generate ./internal/cli`" + `).

## Rules

Standard output is the answer, standard error the story: progress, remarks, errors. With ` + "`--json`" + ` every command that
prints data prints JSON: one object, or one object to a line where there may be many. Fields are only ever added.

An error is printed as ` + "`holdfast: what: why`" + `, and a second line ` + "`hint: …`" + ` says what to do. With ` + "`--json`" + ` it is one object on
standard error: ` + "`{\"error\": {\"code\", \"kind\", \"message\", \"hint\", \"problems\", \"exit\"}}`" + `. Codes and kinds are stable; messages are for
people.

The first SIGINT or SIGTERM ends a command in order, a second one at once.

## Exit codes

| exit | kind | meaning |
|---|---|---|
`

func TestTheReferenceOfCommandsIsFresh(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString(referenceHead)
	for _, m := range exitCodes() {
		fmt.Fprintf(&b, "| %d | %s | %s |\n", m.Code, m.Kind, m.Meaning)
	}
	printed := map[string]bool{}
	for _, c := range commands(testRoot()) {
		if c.Hidden || printed[c.Long] {
			continue
		}
		printed[c.Long] = true
		fmt.Fprintf(&b, "\n## %s\n\n```\n%s```\n", c.CommandPath(), c.Long)
	}
	path := filepath.Join("..", "..", "docs", "cli.md")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is stale (%v): run go generate ./internal/cli", path, err)
	}
}

// longFlag finds an option in a help text, at the beginning of a line of options.
var longFlag = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z0-9-]+)`)

// A group's help is that of all commands below it that have none of their own.
func TestEveryOptionIsInTheHelpAndEveryOptionInTheHelpExists(t *testing.T) {
	t.Parallel()
	exist, named := map[string][]string{}, map[string][]string{}
	root := testRoot()
	root.InitDefaultVersionFlag()
	for _, c := range commands(root) {
		title := strings.SplitN(c.Long, "\n", 2)[0]
		for _, usages := range []string{c.LocalNonPersistentFlags().FlagUsages(), c.PersistentFlags().FlagUsages()} {
			for _, m := range longFlag.FindAllStringSubmatch(usages, -1) {
				exist[title] = append(exist[title], m[1])
			}
		}
		for _, m := range longFlag.FindAllStringSubmatch(c.Long, -1) {
			if m[1] != "help" {
				named[title] = append(named[title], m[1])
			}
		}
	}
	for title := range exist {
		if !slices.Equal(unique(exist[title]), unique(named[title])) {
			t.Errorf("%s\nhas the options %v, its help names %v", title, unique(exist[title]), unique(named[title]))
		}
	}
	for title := range named {
		if len(exist[title]) == 0 {
			t.Errorf("%s\nhas no options, its help names %v", title, unique(named[title]))
		}
	}
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func TestEveryHelpHasUsageExitStatusAndAnExample(t *testing.T) {
	t.Parallel()
	for _, c := range commands(testRoot()) {
		usage, status, example := strings.Index(c.Long, "\nUsage:\n"), strings.Index(c.Long, "\nEXIT STATUS\n"), strings.Index(c.Long, "\nEXAMPLE\n")
		if usage < 0 || status < usage || example < status {
			t.Errorf("%s: the help has no usage, exit status and example, in this order", c.CommandPath())
		}
		for i, line := range strings.Split(c.Long, "\n") {
			if len([]rune(line)) > 125 {
				t.Errorf("%s: line %d of the help is longer than 125 letters", c.CommandPath(), i+1)
			}
		}
		if !strings.Contains(c.Long, c.CommandPath()) {
			t.Errorf("%s: the help does not say how to call it", c.CommandPath())
		}
	}
}
