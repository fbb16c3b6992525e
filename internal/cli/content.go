package cli

import "github.com/spf13/cobra"

const contentHelp = `Bring courses and other directories from git to every server.

Usage:
  holdfast content COMMAND

Sources:
  add         write a source into the configuration
  list        list the sources
  show        tell all about a source: revisions, pins, rejected chunks, leases
  sync        look at the repository now, and publish what is new
  regenerate  make the current revision anew from the whole tree, and verify each of its parts

Use:
  ensure      put chunks in place on this machine and print the directory
  path        print the name of one file that is in place then
  url         print the address under which browsers find a file
  prefetch    fetch chunks ahead of their use
  pin         keep a revision beyond its time
  unpin       let go of it

Store:
  gc          remove what no revision needs any more
  scrub       verify what is stored, and repair it from git
  purge       remove what must not be seen any more, everywhere and at once

All commands but add talk to the running Holdfast. A revision is a commit, which may be shortened, or "current".

EXIT STATUS
  0, or 4 when there is no such source or revision, 7 when no Holdfast runs; see: holdfast help exit-codes

EXAMPLE
  holdfast content sync physics101 && holdfast content ensure physics101 render:mechanics/lever
`

// The routes of content; its http.go says what each does.
const (
	routeContentEnsure   = "/v1/content/ensure"
	routeContentPrefetch = "/v1/content/prefetch"
	routeContentURL      = "/v1/content/url"
	routeContentList     = "/v1/content/list"
	routeContentShow     = "/v1/content/show"
	routeContentPin      = "/v1/content/pin"
	routeContentUnpin    = "/v1/content/unpin"
	routeContentSync     = "/v1/content/sync"
	routeContentGC       = "/v1/content/gc"
	routeContentScrub    = "/v1/content/scrub"
	routeContentPurge    = "/v1/content/purge"
)

func newContent(a *app) *cobra.Command {
	c := a.group("content", "bring courses from git to every server", contentHelp)
	c.AddCommand(
		newContentAdd(a), newContentList(a), newContentShow(a), newContentSync(a), newContentRegenerate(a),
		newContentEnsure(a), newContentPath(a), newContentURL(a), newContentPrefetch(a), newContentPin(a), newContentUnpin(a),
		newContentGC(a), newContentScrub(a), newContentPurge(a),
	)
	return c
}

// shortCommit is a commit for people.
func shortCommit(commit string) string { return orDash(commit[:min(12, len(commit))]) }
