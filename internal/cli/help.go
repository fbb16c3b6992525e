package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/fault"
)

const helpHelp = `Explain a command, a setting or the exit codes.

Usage:
  holdfast help [COMMAND]
  holdfast help config [KEY]
  holdfast help exit-codes

KEY is a setting or a table as it stands in the configuration (database.host, storage.s3), or the variable that sets it.
Without KEY all settings are listed. With --json the answer is a list of objects: key, type, default, text, env, secret.

EXIT STATUS
  0, or 4 when there is no such setting, or 2 when there is no such command

EXAMPLE
  holdfast help config files.link_ttl
`

func newHelp(a *app) *cobra.Command {
	return a.command("help", "explain a command, a setting or the exit codes", helpHelp, 0, -1, func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 1 && args[0] == "exit-codes":
			return helpExitCodes(a)
		case len(args) == 1 && args[0] == "config":
			return helpSettings(a, config.Docs())
		case len(args) == 2 && args[0] == "config" && args[1] != "render":
			return helpSetting(a, args[1])
		}
		target, rest, err := c.Root().Find(args)
		if err != nil || len(rest) > 0 {
			return unknownCommand(target, cmp.Or(strings.Join(rest, " "), strings.Join(args, " ")))
		}
		return target.Help()
	})
}

func helpExitCodes(a *app) error {
	codes := exitCodes()
	return a.data(codes, func() {
		rows := [][]string{{"exit", "kind", "meaning"}}
		for _, c := range codes {
			rows = append(rows, []string{strconv.Itoa(c.Code), c.Kind, c.Meaning})
		}
		a.table(rows)
		a.printf("\nThe kind is the field error.kind of an error as JSON (--json). A code never changes its meaning.\n")
	})
}

// helpSettings lists settings, a table at a time.
func helpSettings(a *app, docs []config.Doc) error {
	return a.data(docs, func() {
		for i, d := range docs {
			if d.IsTable() {
				if i > 0 {
					a.printf("\n")
				}
				a.printf("%s\n%s\n", a.bold(d.Header()), indent(wrap(d.Text, 110), "  # "))
				continue
			}
			a.printf("%s\n", strings.TrimRight(fmt.Sprintf("  %-28s %-13s %s", lastName(d.Key), d.Type, d.Default), " "))
		}
		a.printf("\nA setting is explained by: holdfast help config KEY\n")
	})
}

func helpSetting(a *app, key string) error {
	d, meant, ok := config.Lookup(key)
	if !ok {
		e := fault.New(fault.NotFound, "unknown_setting", "no such setting: %s", key)
		if meant != "" {
			return e.WithHint("did you mean: holdfast help config %s", meant)
		}
		return e.WithHint("all settings are listed by: holdfast help config")
	}
	if d.IsTable() {
		return helpSettings(a, below(d))
	}
	return a.data([]config.Doc{d}, func() { a.printSetting(d) })
}

// below returns a table with its keys and the tables in it.
func below(table config.Doc) []config.Doc {
	var out []config.Doc
	for _, d := range config.Docs() {
		if d.Key == table.Key || strings.HasPrefix(d.Key, table.Key+".") {
			out = append(out, d)
		}
	}
	return out
}

func (a *app) printSetting(d config.Doc) {
	table, name := strings.TrimSuffix(d.Key, "."+lastName(d.Key)), lastName(d.Key)
	a.printf("%s  (%s)\n\n%s\n\n", a.bold(d.Key), d.Type, indent(wrap(d.Text, 100), "  "))
	header := "[" + table + "]"
	if t, _, ok := config.Lookup(table); ok {
		header = t.Header()
	}
	a.printf("  in a file    %s\n               %s = %s\n", header, name, exampleOf(d))
	if d.Secret {
		a.printf("               or %s_file = \"secrets/%s\", a file that holds nothing but the secret\n", name, name)
	}
	if d.Env != "" {
		a.printf("  environment  %s\n", d.Env)
	}
	if d.Default != "" || !strings.Contains(d.Text, "Default") {
		a.printf("  default      %s\n", cmp.Or(d.Default, "none"))
	}
}

// exampleOf shows how a value is written.
func exampleOf(d config.Doc) string {
	if d.Default != "" {
		return d.Default
	}
	switch d.Type {
	case "integer":
		return "5"
	case "boolean":
		return "true"
	case "list of text":
		return `["…", "…"]`
	case "size":
		return `"500MB"`
	case "duration":
		return `"1h"`
	}
	return `"…"`
}

func lastName(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// wrap breaks a text into lines of at most width letters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}

func indent(lines []string, by string) string { return by + strings.Join(lines, "\n"+by) }
