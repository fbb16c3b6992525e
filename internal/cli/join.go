package cli

import (
	"cmp"
	"context"
	"io"
	"os"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/node"
)

const joinHelp = `Make this machine a node of a site: fetch its configuration and secrets.

Usage:
  holdfast join TOKEN [--host NAME] [--force] [--outside] [--json]
  holdfast join - < FILE

A running node prints the token: holdfast node invite. With "-" it is read from standard input, where it stands in no
process list and no history.

The files are those of the site, to the byte, so that all nodes have the same configuration. They are written where they
lie on the machine that invited, or to --config (HOLDFAST_CONFIG); what is named relative to the configuration lies
beside it here, too. Secrets get mode 0600. Nothing is overwritten, and nothing is started.

What belongs to one machine is not copied, but told: variables of the environment, files that end in .local.toml. What a
setting says about the other machine (an address of its network card) is told, too. Set what differs here by the
environment, as HOLDFAST_EDGE__LISTEN=10.0.0.6:8000, or in a file NAME.local.toml if the configuration is a directory.

Options:
      --host NAME     what this machine is called in the list of those that joined (default: its host name)
      --force         overwrite what is there
      --outside       write files outside of the configuration's directory, too, where the configuration names some

With --json the fields are config, written, kept (lists of paths), notes (key, text, hint), variables, version (of the
machine that invited) and next.

EXIT STATUS
  0, or 2 when the token is not whole, 3 when the configuration does not fit this machine (the files are written), 5 when
  the token is used up, over or revoked, 6 when a file exists, 7 when no node answers

EXAMPLE
  holdfast join hfjoin1-… && holdfast check && holdfast serve
`

// joinOptions are the options of join.
type joinOptions struct {
	token, host    string
	force, outside bool
}

// joinAnswer is the answer of "holdfast join --json".
type joinAnswer struct {
	node.Placed
	Notes     []node.Note `json:"notes"`
	Variables []string    `json:"variables"`
	Version   string      `json:"version"`
	Next      string      `json:"next"`
}

func newJoin(a *app) *cobra.Command {
	var o joinOptions
	c := a.command("join", "make this machine a node of a site", joinHelp, 1, 1, func(c *cobra.Command, args []string) error {
		o.token = args[0]
		answer, err := runJoin(c.Context(), a, o)
		if answer == nil {
			return err
		}
		printed := a.data(answer, func() { a.printJoin(answer) })
		return cmp.Or(err, printed)
	})
	c.Flags().StringVar(&o.host, "host", "", "")
	c.Flags().BoolVar(&o.force, "force", false, "")
	c.Flags().BoolVar(&o.outside, "outside", false, "")
	return c
}

// maxTokenInput bounds what is read from standard input, in bytes.
const maxTokenInput = 16 << 10

// runJoin returns an answer as soon as files were written, also beside an error.
func runJoin(ctx context.Context, a *app, o joinOptions) (*joinAnswer, error) {
	t, err := a.readToken(o.token)
	if err != nil {
		return nil, err
	}
	bundle, place, err := fetchBundle(ctx, t, o, cmp.Or(a.configPath, a.getenv("HOLDFAST_CONFIG")))
	if err != nil {
		return nil, err
	}
	placed, err := bundle.Place(place)
	if err != nil {
		return nil, err
	}
	answer := &joinAnswer{
		Placed: placed, Notes: append([]node.Note{}, bundle.Notes...), Variables: append([]string{}, bundle.Variables...), Version: bundle.Version,
		Next: "holdfast check --config " + placed.Config + " && holdfast serve --config " + placed.Config,
	}
	// What was written is read back: what does not fit this machine shows now and not at the first start.
	_, err = config.Load(placed.Config, a.env)
	return answer, err
}

func (a *app) readToken(text string) (node.Token, error) {
	if text == "-" {
		b, err := io.ReadAll(io.LimitReader(a.stdin, maxTokenInput))
		if err != nil {
			return node.Token{}, err
		}
		text = string(b)
	}
	return node.ParseToken(text)
}

// fetchBundle asks for the names, looks whether they can be written, and only then uses the token.
func fetchBundle(ctx context.Context, t node.Token, o joinOptions, path string) (node.Bundle, node.PlaceOptions, error) {
	place := node.PlaceOptions{Config: path, Force: o.force, Outside: o.outside}
	if path == config.None {
		return node.Bundle{}, place, fault.New(fault.Usage, "usage", "join: --config %s names no place for files", path).
			WithHint("see: holdfast join --help")
	}
	host := o.host
	if host == "" {
		host, _ = os.Hostname() // a machine without a name joins as well
	}
	f, err := node.NewFetcher(t, host)
	if err != nil {
		return node.Bundle{}, place, err
	}
	defer f.Close()
	names, err := f.Names(ctx)
	if err != nil {
		return names, place, err
	}
	if err := names.Check(place); err != nil {
		return names, place, err
	}
	b, err := f.Take(ctx)
	return b, place, err
}

func (a *app) printJoin(answer *joinAnswer) {
	for _, path := range answer.Written {
		a.printf("wrote  %s\n", path)
	}
	for _, path := range answer.Kept {
		a.printf("kept   %s\n", path)
	}
	a.printNotes(answer.Notes, answer.Variables)
	if own := binaryVersion().Version; own != answer.Version {
		a.notef("look: this is Holdfast %s, the machine that invited has %s", own, answer.Version)
	}
	a.printf("next: %s\n", answer.Next)
}
