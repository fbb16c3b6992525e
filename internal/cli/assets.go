package cli

import (
	"context"

	"github.com/spf13/cobra"

	"holdfast/internal/assets"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/logging"
)

const assetsHelp = `Build, find and publish the application's assets: stylesheets, scripts, fonts, pictures.

Usage:
  holdfast assets COMMAND

  build       bring the built set up to date with static.root
  list        list the assets and where they are
  url         print the address of an asset
  get         print the content of an asset
  publish     serve a generated asset on every server
  unpublish   end that

An asset is named as below static.root: css/main.css. build, list, url and get work without a running Holdfast, too.

EXIT STATUS
  0, or 4 when there is no such asset; see: holdfast help exit-codes

EXAMPLE
  holdfast assets build && holdfast assets url css/main.css
`

// The routes of the assets; api.go of the package says what each does.
const (
	routeAssetsBuild     = "/v1/assets/build"
	routeAssetsList      = "/v1/assets/list"
	routeAssetsResolve   = "/v1/assets/resolve"
	routeAssetsUnpublish = "/v1/assets/unpublish"
	routeAssetsContent   = "/v1/assets/content" // GET and PUT of the bytes
)

func newAssets(a *app) *cobra.Command {
	c := a.group("assets", "build, find and publish the application's assets", assetsHelp)
	c.AddCommand(
		newAssetsBuild(a), newAssetsList(a), newAssetsURL(a), newAssetsGet(a), newAssetsPublish(a), newAssetsUnpublish(a),
	)
	return c
}

// notRunning reports whether nothing else is wrong than that no Holdfast runs, so that the set on disk can be used.
func notRunning(err error) bool { return fault.CodeOf(err) == "not_running" }

// offlineAssets returns the set on disk.
func (a *app) offlineAssets(ctx context.Context) (*assets.Assets, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	set, err := assets.New(assets.Options{Config: cfg.Static, Log: logging.New(cfg.Log, a.stderr)})
	if err != nil {
		return nil, err
	}
	return set, set.Load(ctx)
}

func noStaticRoot() error {
	return fault.New(fault.Config, "no_static_root", "static.root is not set").
		WithHint(`write root = "/srv/app/static" below [static]`)
}

// askAssets sends one request to the running daemon, unless it is plain that it would not serve assets.
func askAssets[Resp any](ctx context.Context, a *app, path string, req any) (Resp, error) {
	cfg, err := a.load()
	if err == nil && cfg.Static.Root == "" {
		err = noStaticRoot()
	}
	if err != nil {
		var none Resp
		return none, err
	}
	return ask[Resp](ctx, a, path, req)
}

// listed asks the running Holdfast for assets, or the set on disk.
func (a *app) listed(ctx context.Context, match string) ([]assets.Entry, error) {
	answer, err := askAssets[assets.Entries](ctx, a, routeAssetsList, assets.ListRequest{Match: match})
	if !notRunning(err) {
		return answer.Assets, err
	}
	set, err := a.offlineAssets(ctx)
	if err != nil {
		return nil, err
	}
	return set.List(match), nil
}

// resolved is the same for names, all of which must exist.
func (a *app) resolved(ctx context.Context, names []string) ([]assets.Entry, error) {
	answer, err := askAssets[assets.Entries](ctx, a, routeAssetsResolve, assets.ResolveRequest{Names: names})
	if !notRunning(err) {
		return answer.Assets, err
	}
	set, err := a.offlineAssets(ctx)
	if err != nil {
		return nil, err
	}
	return set.Resolve(names)
}

const assetsListHelp = `List the assets and where they are.

Usage:
  holdfast assets list [PATTERN] [--json]

PATTERN is as in static.exclude: "css/**", "*.js".

With --json the answer has assets: name, hashed, url, type, size, integrity, codings.

EXIT STATUS
  0, or 3 when static.root is not set

EXAMPLE
  holdfast assets list '*.css'
`

func newAssetsList(a *app) *cobra.Command {
	return a.command("list", "list the assets and where they are", assetsListHelp, 0, 1, func(c *cobra.Command, args []string) error {
		match := ""
		if len(args) > 0 {
			match = args[0]
		}
		found, err := a.listed(c.Context(), match)
		if err != nil {
			return err
		}
		return a.data(assets.Entries{Assets: found}, func() {
			rows := [][]string{{"asset", "url", "size"}}
			for _, e := range found {
				rows = append(rows, []string{e.Name, e.URL, size(e.Size)})
			}
			a.table(rows)
		})
	})
}

const assetsURLHelp = `Print the address of an asset as pages write it.

Usage:
  holdfast assets url NAME... [--json]

With --json the answer has assets: name, hashed, url, type, size, integrity (for the attribute of that name), codings.

EXIT STATUS
  0, or 4 when there is no such asset

EXAMPLE
  holdfast assets url css/main.css
`

func newAssetsURL(a *app) *cobra.Command {
	return a.command("url", "print the address of an asset", assetsURLHelp, 1, -1, func(c *cobra.Command, args []string) error {
		found, err := a.resolved(c.Context(), args)
		if err != nil {
			return err
		}
		return a.data(assets.Entries{Assets: found}, func() {
			for _, e := range found {
				a.printf("%s\n", e.URL)
			}
		})
	})
}

const assetsUnpublishHelp = `End the publication of an asset: its name leads to what was built, or nowhere.

Usage:
  holdfast assets unpublish NAME [--json]

Its hashed address is served until static.keep has passed.

EXIT STATUS
  0, or 4 when no such asset is published

EXAMPLE
  holdfast assets unpublish css/theme.css
`

func newAssetsUnpublish(a *app) *cobra.Command {
	return a.command("unpublish", "end the publication of an asset", assetsUnpublishHelp, 1, 1, func(c *cobra.Command, args []string) error {
		if _, err := askAssets[control.Empty](c.Context(), a, routeAssetsUnpublish, assets.NameRequest{Name: args[0]}); err != nil {
			return err
		}
		return a.data(assets.NameRequest{Name: args[0]}, func() { a.printf("withdrawn %s\n", args[0]) })
	})
}
