package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"holdfast/internal/assets"
	"holdfast/internal/fault"
)

const assetsPublishHelp = `Serve a generated asset, as a themed stylesheet, on every server.

Usage:
  holdfast assets publish FILE NAME [--json]

FILE "-" is standard input. References of stylesheets and scripts to other assets are rewritten. The address that is
printed works on all servers when the command ends; the address of what was published under the name before goes on
working until static.keep has passed.

With --json the fields are those of assets url, and notes (file, target, text).

EXIT STATUS
  0, 2 when the name cannot be one, 4 when there is no such file, 7 when no Holdfast runs, 8 when the asset is larger than
  static.publish_max_size

EXAMPLE
  holdfast assets publish theme.css css/theme.css
`

func newAssetsPublish(a *app) *cobra.Command {
	return a.command("publish", "serve a generated asset on every server", assetsPublishHelp, 2, 2, func(c *cobra.Command, args []string) error {
		return runAssetsPublish(c.Context(), a, args[0], args[1])
	})
}

func runAssetsPublish(ctx context.Context, a *app, file, name string) error {
	body := a.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return &fault.Error{Kind: fault.NotFound, Code: "no_such_file", Err: err}
		}
		defer f.Close()
		body = f
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	resp, err := client.Do(ctx, http.MethodPut, routeAssetsContent, url.Values{"name": {name}}, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var published assets.Published
	if err := json.NewDecoder(resp.Body).Decode(&published); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	for _, n := range published.Notes {
		a.storyf("%s", n)
	}
	return a.data(published, func() { a.printf("%s\n", published.URL) })
}

const assetsGetHelp = `Print the content of an asset as it is, uncompressed.

Usage:
  holdfast assets get NAME

EXIT STATUS
  0, or 4 when there is no such asset

EXAMPLE
  holdfast assets get css/main.css | wc -c
`

func newAssetsGet(a *app) *cobra.Command {
	return a.command("get", "print the content of an asset", assetsGetHelp, 1, 1, func(c *cobra.Command, args []string) error {
		return runAssetsGet(c.Context(), a, args[0])
	})
}

func runAssetsGet(ctx context.Context, a *app, name string) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	resp, err := client.Do(ctx, http.MethodGet, routeAssetsContent, url.Values{"name": {name}}, nil)
	if err == nil {
		defer resp.Body.Close()
		_, err = io.Copy(a.stdout, resp.Body)
		return err
	}
	if !notRunning(err) {
		return err
	}
	set, err := a.offlineAssets(ctx)
	if err != nil {
		return err
	}
	_, body, err := set.Open(name)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(a.stdout, body)
	return err
}

// absolute returns the path as seen from the working directory.
func absolute(path string) (string, error) { return filepath.Abs(path) }
