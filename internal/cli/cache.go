package cli

import (
	"context"
	"maps"
	"net"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"holdfast/internal/cacheserver"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/unit"
)

const cacheHelp = `Look at the cache that frameworks speak Redis to, and empty it.

Usage:
  holdfast cache status [--json]
  holdfast cache flush [--database NUMBER] [--json]

The cache is off unless cache.enabled is true; "holdfast env" prints its URL.

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when its cache is switched off

EXAMPLE
  holdfast cache status
`

const cacheStatusHelp = `Say what the cache holds and how often it helped.

Usage:
  holdfast cache status [--json]

Misses are counted by reason: "never" the key was not there, "expired" its time was over, "evicted" others needed the room:
then more memory (cache.max_memory) helps. Prefixes are the beginnings of keys, which tell an application's caches apart.

With --json the fields are address, socket, redis, clients, max_clients, connections, refused, denied, commands, entries,
bytes, max_bytes, hits, misses_never, misses_expired, misses_evicted, expirations, evictions, databases (keys by number),
prefixes (prefix, hits, misses).

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when its cache is switched off

EXAMPLE
  holdfast cache status --json | jq '.prefixes[0]'
`

const cacheFlushHelp = `Remove all keys of the cache, or those of one database.

Usage:
  holdfast cache flush [--database NUMBER] [--json]

What an application can fetch or compute again it will; sessions that are kept in the cache are lost.

Options:
      --database NUMBER   only this one, 0 to 15

With --json the field is removed: how many keys there were.

EXIT STATUS
  0, or 7 when no Holdfast runs, 6 when its cache is switched off or relayed to a server, 2 when there is no such database

EXAMPLE
  holdfast cache flush --database 1
`

func newCache(a *app) *cobra.Command {
	c := a.group("cache", "look at the cache for frameworks, empty it", cacheHelp)
	c.AddCommand(newCacheStatus(a), newCacheFlush(a))
	return c
}

func newCacheStatus(a *app) *cobra.Command {
	return a.command("status", "say what the cache holds", cacheStatusHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runCacheStatus(c.Context(), a)
	})
}

func runCacheStatus(ctx context.Context, a *app) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	s, err := control.Call[cacheserver.Status](ctx, client, routeCacheStatus, control.Empty{})
	if err != nil {
		return err
	}
	return a.data(s, func() { a.printCache(s) })
}

func (a *app) printCache(s cacheserver.Status) {
	a.printf("%s  %s of %d at most, %d commands\n", a.bold(orDash(s.Address)), count(s.Clients, "client"), s.MaxClients, s.Commands)
	if s.Redis != "" {
		a.printf("the keys are kept by %s\n", s.Redis)
		return
	}
	a.printf("%s in %s of %s\n", count(s.Entries, "key"), unit.Bytes(s.Bytes), unit.Bytes(s.MaxBytes))
	a.printf("%d reads answered (%.1f %%); missed: %d never there, %d expired, %d evicted\n",
		s.Hits, 100*s.HitRate(), s.Never, s.Expired, s.Evicted)
	for _, db := range slices.Sorted(maps.Keys(s.Databases)) {
		a.printf("database %d: %s\n", db, count(s.Databases[db], "key"))
	}
	if len(s.Prefixes) == 0 {
		return
	}
	rows := [][]string{{"prefix", "hits", "misses"}}
	for _, p := range s.Prefixes {
		rows = append(rows, []string{orDash(p.Prefix), decimal(p.Hits), decimal(p.Misses)})
	}
	a.printf("\n")
	a.table(rows)
}

func newCacheFlush(a *app) *cobra.Command {
	var database int
	c := a.command("flush", "remove all keys", cacheFlushHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		r := daemon.CacheFlushRequest{}
		if c.Flags().Changed("database") {
			r.Database = &database
		}
		return runCacheFlush(c.Context(), a, r)
	})
	c.Flags().IntVar(&database, "database", 0, "")
	return c
}

func runCacheFlush(ctx context.Context, a *app, r daemon.CacheFlushRequest) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	answer, err := control.Call[daemon.CacheFlushAnswer](ctx, client, routeCacheFlush, r)
	if err != nil {
		return err
	}
	return a.data(answer, func() { a.printf("removed %s\n", count(answer.Removed, "key")) })
}

// cacheVariables lead to the cache, none when it is switched off.
func cacheVariables(ctx context.Context, client *control.Client, cfg *config.Config) ([]variable, error) {
	if !cfg.Cache.Enabled {
		return nil, nil
	}
	address := cfg.Cache.Listen
	if address == "" {
		path := (&url.URL{Scheme: "unix", Path: cfg.Cache.Socket}).String()
		return []variable{{"CACHE_URL", path}, {"REDIS_URL", path}}, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if port == "0" {
		s, err := control.Call[cacheserver.Status](ctx, client, routeCacheStatus, control.Empty{})
		if err != nil {
			return nil, err
		}
		if host, port, err = net.SplitHostPort(s.Address); err != nil {
			return nil, err
		}
	}
	password, err := cacheserver.Password(cfg.Cache, cfg.Paths.State)
	if err == nil && cfg.Cache.Password.IsZero() {
		err = giveToService(cfg, cacheserver.PasswordFile(cfg.Paths.State))
	}
	if err != nil {
		return nil, err
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password.Reveal()), Host: net.JoinHostPort(loopback(host), port), Path: "/0"}
	if cfg.Cache.TLSCert != "" {
		u.Scheme = "rediss"
	}
	return []variable{{"CACHE_URL", u.String()}, {"REDIS_URL", u.String()}}, nil
}
