package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// edgeRun is what was measured in one way: for each server the samples of the rounds.
type edgeRun map[string][]sample

// of picks a figure out of the samples of a server.
func (r edgeRun) of(server string, pick func(sample) float64) series {
	var s series
	for _, x := range r[server] {
		s = append(s, pick(x))
	}
	return s
}

// edgeClients are how many connections ask at once.
func edgeClients() []int { return []int{1, 16, 100} }

// edgeRuns are all samples of the room.
type edgeRuns struct {
	proxied map[int]edgeRun // by the number of clients
	kept    map[int]edgeRun // hits of the page cache; empty without one
	stored  map[storeLoad]edgeRun
}

// benchEdge measures the way to an application, the page cache, and the cache for frameworks, beside nginx, Caddy and Redis.
func (b *bench) benchEdge(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "edge")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	addr, err := freePort()
	if err != nil {
		return err
	}
	app, err := startApp(dir, addr)
	if err != nil {
		return err
	}
	cache, err := freePort()
	if err != nil {
		return errors.Join(err, app.stopped())
	}
	if err := setAll(map[string]string{
		"HOLDFAST_EDGE__UPSTREAMS": `["http://` + addr + `"]`, "HOLDFAST_CACHE__ENABLED": "true", "HOLDFAST_CACHE__LISTEN": cache,
	}); err != nil {
		return errors.Join(err, app.stopped())
	}
	defer unset("HOLDFAST_EDGE__UPSTREAMS", "HOLDFAST_CACHE__ENABLED", "HOLDFAST_CACHE__LISTEN", pageCacheSetting)
	h, err := startHoldfast(ctx, dir, b.binary)
	if err != nil {
		return errors.Join(err, app.stopped())
	}
	servers := edgeServers(dir, addr, h)
	servers[0].process = app
	defer func() {
		for _, s := range servers {
			s.end()
		}
	}()
	return b.edgeRounds(ctx, dir, h, servers)
}

func (p *process) stopped() error {
	p.stop()
	return nil
}

// edgeRounds measures everything that this Holdfast has, and writes the report.
func (b *bench) edgeRounds(ctx context.Context, dir string, h *holdfast, servers []*server) error {
	for _, s := range servers[2:] {
		if err := s.restart(ctx); err != nil {
			return err
		}
	}
	all := edgeRuns{map[int]edgeRun{}, map[int]edgeRun{}, map[storeLoad]edgeRun{}}
	if err := b.edgeLoads(ctx, servers, pathFresh, all.proxied); err != nil {
		return err
	}
	if err := b.loadStores(ctx, dir, h, all.stored); err != nil {
		return err
	}
	if pageCache(ctx, h) {
		if err := setAll(map[string]string{pageCacheSetting: "true"}); err != nil {
			return err
		}
		if err := servers[1].restart(ctx); err != nil {
			return err
		}
		if err := b.edgeLoads(ctx, servers[1:3], pathKept, all.kept); err != nil {
			return err
		}
	}
	b.reportEdge(servers, &all)
	return nil
}

// pageCacheSetting switches the page cache on.
const pageCacheSetting = "HOLDFAST_EDGE__CACHE__ENABLED"

// pageCache reports whether the program under measurement has one.
func pageCache(ctx context.Context, h *holdfast) bool {
	_, err := output(ctx, h.binary, "help", "config", "edge.cache.enabled")
	return err == nil
}

// edgeLoads asks every server for a path, from few and from many clients, in all rounds.
func (b *bench) edgeLoads(ctx context.Context, servers []*server, path string, to map[int]edgeRun) error {
	for round := range b.rounds {
		for _, clients := range edgeClients() {
			if to[clients] == nil {
				to[clients] = edgeRun{}
			}
			for i := range servers {
				if round%2 == 1 {
					i = len(servers) - 1 - i
				}
				s := servers[i]
				got, err := s.wrk(ctx, b.part(), clients, path)
				if err != nil {
					return err
				}
				b.progress("%-7s %3d clients  %-10s %7.0f/s  %6.1f µs CPU  p50 %6.0f µs  p99 %6.0f µs", path, clients, s.name, got.tps, got.cpu, got.p50, got.p99)
				to[clients][s.name] = append(to[clients][s.name], got)
			}
		}
	}
	return nil
}

// loadStores sends commands of Redis to both caches, in all rounds.
func (b *bench) loadStores(ctx context.Context, dir string, h *holdfast, to map[storeLoad]edgeRun) error {
	stores, err := b.stores(ctx, dir, h)
	if err != nil {
		return err
	}
	defer stores[1].end()
	for range b.rounds {
		for _, o := range storeLoads() {
			if to[o] == nil {
				to[o] = edgeRun{}
			}
			for _, s := range stores {
				got, err := o.measure(ctx, b, s)
				if err != nil {
					return err
				}
				b.progress("%-24s %-10s %7.0f/s  %6.1f µs CPU  p50 %6.0f µs  p99 %6.0f µs", o, s.name, got.tps, got.cpu, got.p50, got.p99)
				to[o][s.name] = append(to[o][s.name], got)
			}
		}
	}
	return nil
}
