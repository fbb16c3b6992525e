package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/fault"
)

// app is what all commands share: streams, environment and the options of every command.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
	configPath     string
	json           bool
	untrap         func() // gives interrupts back
	steps          *steps // what is being done, for people who wait; made when first wanted

	mu sync.Mutex // held while a line is written: files are moved side by side
}

// command makes a command. The help text is printed as it is; use names the positional arguments, of which there are
// from least to most (-1: any number).
func (a *app) command(use, short, help string, least, most int, run func(*cobra.Command, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: help, RunE: run, DisableFlagsInUseLine: true,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) < least:
				return usage(c, fmt.Sprintf("too few arguments: %d of at least %d", len(args), least))
			case most >= 0 && len(args) > most:
				return usage(c, fmt.Sprintf("too many arguments: %q", args[most]))
			}
			return nil
		},
	}
}

// group makes a command that only has others below it.
func (a *app) group(use, short, help string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: help, DisableFlagsInUseLine: true,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			return unknownCommand(c, args[0])
		},
	}
}

func unknownCommand(c *cobra.Command, name string) error {
	e := fault.New(fault.Usage, "unknown_command", "%sno such command: %s", shortPath(c), name)
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(name); len(near) > 0 {
		return e.WithHint("did you mean: %s %s", c.CommandPath(), near[0])
	}
	return e.WithHint("the commands are listed by: %s --help", c.CommandPath())
}

// usage is a command line that cannot be understood.
func usage(c *cobra.Command, message string) error {
	return fault.New(fault.Usage, "usage", "%s%s", shortPath(c), message).WithHint("see: %s --help", c.CommandPath())
}

// shortPath begins an error about a command: "files get: ". The name of the program stands before it anyway.
func shortPath(c *cobra.Command) string {
	if !c.HasParent() {
		return ""
	}
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ") + ": "
}

// wantsJSON looks for --json before the command line is understood, so that an error in it is JSON too.
func (a *app) wantsJSON(args []string) {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	a.json = slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// getenv returns an environment variable, "" when it is not set.
func (a *app) getenv(name string) string {
	for _, v := range slices.Backward(a.env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// load reads the configuration that the options and the environment name.
func (a *app) load() (*config.Config, error) {
	path, err := config.Find(a.configPath, a.env)
	if err != nil {
		return nil, err
	}
	return config.Load(path, a.env)
}

// client returns a client of the running daemon that the configuration describes. The daemon began without the mistakes that it has now, if
// there are any, and a broken file must not keep anybody from looking at it and steering it.
func (a *app) client() (*control.Client, error) {
	cfg, err := a.loadFor(func(key string) bool { return !strings.HasPrefix(key, "paths.") })
	if err != nil {
		return nil, err
	}
	return control.NewClient(cfg.Socket()), nil
}

// loadFor reads the configuration for a command that does not need all of it: mistakes at keys that spare accepts are told and do not
// matter.
func (a *app) loadFor(spare func(key string) bool) (*config.Config, error) {
	path, err := config.Find(a.configPath, a.env)
	if err != nil {
		return nil, err
	}
	cfg, problems, err := config.LoadFaulty(path, a.env)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(problems, func(p fault.Problem) bool { return p.Key == "syntax" || !spare(p.Key) }) {
		return nil, problems.Err() // nobody knows what else stands there
	}
	if len(problems) > 0 {
		a.storyf("the configuration has a mistake now at %s: see holdfast check", problems[0].Key)
	}
	return cfg, nil
}

// printf writes to standard output: the answer.
func (a *app) printf(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(a.stdout, format, args...)
}

// notef writes a line to standard error: the story.
func (a *app) notef(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(a.stderr, format+"\n", args...)
}

// storyf writes a line to standard error, but not with --json, where standard output has it all.
func (a *app) storyf(format string, args ...any) {
	if !a.json {
		a.notef(format, args...)
	}
}

// data prints an answer: as JSON, or by the function for people.
func (a *app) data(v any, people func()) error {
	if !a.json {
		people()
		return nil
	}
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// line prints one JSON object to a line, for streams.
func (a *app) line(v any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// progressLine prints an event to standard error as JSON.
func (a *app) progressLine(e progressEvent) {
	b, err := json.Marshal(map[string]progressEvent{"progress": e})
	if err == nil {
		a.notef("%s", b)
	}
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// bold makes text stand out where standard output is a terminal that shows it.
func (a *app) bold(text string) string { return a.styled("1", text) }

// green is for what is well.
func (a *app) green(text string) string { return a.styled("1;32", text) }

func (a *app) styled(style, text string) string {
	if !isTerminal(a.stdout) || a.getenv("NO_COLOR") != "" || a.getenv("TERM") == "dumb" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
