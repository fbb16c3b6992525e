package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/atomicfile"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/fault"
)

const contentAddHelp = `Write a source of content into the configuration.

Usage:
  holdfast content add SOURCE GIT [OPTIONS] [--json]

GIT is the address of the repository: git@host:team/course.git, https://host/team/course.git, or a directory. The
table [content.sources.SOURCE] is written at the end of the configuration file, or to a file of its own where the
configuration is a directory; then the whole configuration is checked, and left as it was when that finds a mistake.
A Holdfast that runs on this machine takes it over
at once. Write the same on every machine, and have it read there: systemctl reload holdfast, or SIGHUP.

Options:
      --branch BRANCH      branch that is followed (default: the one that the repository names)
      --root DIRECTORY     directory of the course below the top of the repository
      --preset PRESET      rules that make chunks of it (default "course")
      --deploy-key FILE    file with the private SSH key that may read the repository
      --serve WHO          who may read browser files over HTTP: off, signed or public (default signed)

With --json the fields are source, file, reloaded (a running Holdfast has it) and next.

EXIT STATUS
  0, 3 when the configuration would be wrong, 6 when it has such a source already

EXAMPLE
  holdfast content add physics101 git@git.example.edu:courses/physics101.git --deploy-key secrets/physics101
`

// addOptions are the settings of a source, in the order in which they are written.
type addOptions struct{ git, branch, root, preset, deployKey, serve string }

// addAnswer is the answer of "holdfast content add --json".
type addAnswer struct {
	Source   string `json:"source"`
	File     string `json:"file"`
	Reloaded bool   `json:"reloaded"`
	Next     string `json:"next"`
}

func newContentAdd(a *app) *cobra.Command {
	var o addOptions
	c := a.command("add", "write a source into the configuration", contentAddHelp, 2, 2, func(c *cobra.Command, args []string) error {
		o.git = args[1]
		return runContentAdd(c.Context(), a, args[0], o)
	})
	c.Flags().StringVar(&o.branch, "branch", "", "")
	c.Flags().StringVar(&o.root, "root", "", "")
	c.Flags().StringVar(&o.preset, "preset", "", "")
	c.Flags().StringVar(&o.deployKey, "deploy-key", "", "")
	c.Flags().StringVar(&o.serve, "serve", "", "")
	return c
}

func runContentAdd(ctx context.Context, a *app, name string, o addOptions) error {
	path, err := config.Find(a.configPath, a.env)
	if err != nil {
		return err
	}
	if path == config.None {
		return fault.New(fault.Usage, "config_none", "content add: there is no configuration file to write to").
			WithHint("name one with --config, or set HOLDFAST_CONTENT__SOURCES__%s__GIT", strings.ToUpper(name))
	}
	cfg, err := config.Load(path, a.env)
	if err != nil {
		return err
	}
	if _, ok := cfg.Content.Sources[name]; ok {
		return fault.New(fault.Conflict, "content_source_exists", "content add: the configuration has a source %q already", name).
			WithHint("look at it with: holdfast content show %s", name)
	}
	file, err := a.addTable(path, name, o.table(name))
	if err != nil {
		return err
	}
	answer := addAnswer{Source: name, File: file, Next: "holdfast content sync " + name}
	if answer.Reloaded, err = a.reload(ctx); err != nil {
		a.notef("note: the Holdfast that runs did not take it over: %v", err)
	}
	if !answer.Reloaded {
		answer.Next = "start Holdfast again, then: " + answer.Next
	}
	return a.data(answer, func() {
		a.printf("wrote  [content.sources.%s] to %s\n", name, file)
		if answer.Reloaded {
			a.printf("the running Holdfast has it\n")
		}
		a.printf("next: %s\n", answer.Next)
	})
}

// reload has a Holdfast that runs read its configuration again. It reports false when none runs.
func (a *app) reload(ctx context.Context) (bool, error) {
	client, err := a.client()
	if err != nil {
		return false, err
	}
	defer client.Close()
	_, err = control.Call[daemon.ReloadAnswer](ctx, client, "/v1/reload", control.Empty{})
	if fault.CodeOf(err) == "not_running" {
		return false, nil
	}
	return err == nil, err
}

// table writes the settings of a source as TOML.
func (o addOptions) table(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[content.sources.%s]\n", name)
	for _, s := range []struct{ key, value string }{
		{"git", o.git},
		{"branch", o.branch},
		{"root", o.root},
		{"preset", o.preset},
		{"deploy_key_file", o.deployKey},
		{"serve", o.serve},
	} {
		if s.value != "" {
			fmt.Fprintf(&b, "%s = %s\n", s.key, config.Quote(s.value))
		}
	}
	return b.String()
}

// addTable writes a table to the configuration, and takes it back when the whole is wrong then.
func (a *app) addTable(path, name, table string) (file string, err error) {
	if strings.ContainsAny(name, "\n\r[]\"'./\\ ") || name == "" {
		return "", fault.New(fault.Usage, "content_source_name", "content add: %q is no name of a source", name).
			WithHint(`use lower-case letters, digits, "-" and "_"`)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", cannotWrite(err)
	}
	if info.IsDir() {
		return a.addFile(path, filepath.Join(path, "content-"+name+".toml"), table)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return "", cannotWrite(err)
	}
	text := bytes.Join([][]byte{bytes.TrimRight(before, "\n"), []byte(table)}, []byte("\n\n"))
	if err := atomicfile.WriteFile(path, text, info.Mode().Perm()); err != nil {
		return "", cannotWrite(err)
	}
	if _, err := config.Load(path, a.env); err != nil {
		return "", errors.Join(err, atomicfile.WriteFile(path, before, info.Mode().Perm()))
	}
	return path, nil
}

// addFile writes a table to a file of its own.
func (a *app) addFile(dir, file, table string) (string, error) {
	err := atomicfile.WriteNew(file, []byte(table), 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return "", fault.New(fault.Conflict, "config_exists", "content add: %s exists already", file)
	case err != nil:
		return "", cannotWrite(err)
	}
	if _, err := config.Load(dir, a.env); err != nil {
		return "", errors.Join(err, os.Remove(file))
	}
	return file, nil
}
