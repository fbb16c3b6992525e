package main

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// The bars (static files beside nginx with gzip_static, and WhiteNoise).
const (
	barAssetsKept   = 0.9  // requests a second with keep-alive, at least
	barAssetsFresh  = 1.0  // with a connection for each request
	barAssetsPython = 10.0 // of WhiteNoise's
)

// The loads of this room, in the order in which a server that was just started gets them.
const (
	heyCold = iota
	heyWarm
	heyLetter
	wrkKept
	wrkFresh
	assetLoads
)

func assetLoadNames() [assetLoads]string {
	return [assetLoads]string{"hey, just started", "hey, once more", "hey, to the letter", "wrk, kept connections", "wrk, a connection each"}
}

// assetRuns are all samples: for each load those of each server, in the order of the rounds.
type assetRuns struct {
	samples [assetLoads][][]sample
	delays  [2][][]float64 // of hey, in milliseconds: all rounds together
}

// of picks a figure out of the samples of a server under a load.
func (r *assetRuns) of(load, server int, pick func(sample) float64) series {
	var s series
	for _, x := range r.samples[load][server] {
		s = append(s, pick(x))
	}
	return s
}

// part is how long one measurement takes in the rooms that have very many of them.
func (b *bench) part() time.Duration { return max(time.Second, b.span/4) }

// benchAssets measures one stylesheet from Holdfast and its peers. Every round starts every server anew.
func (b *bench) benchAssets(ctx context.Context) error {
	dir := filepath.Join(b.dir, "assets")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	a, err := newAsset(dir)
	if err != nil {
		return err
	}
	defer unset("HOLDFAST_STATIC__ROOT", "HOLDFAST_STATIC__OUTPUT")
	h, err := startHoldfast(ctx, dir, b.binary)
	if err != nil {
		return err
	}
	servers := assetServers(dir, h, a)
	defer func() {
		for _, s := range servers {
			s.end()
		}
	}()
	if err := a.find(ctx, h); err != nil {
		return err
	}
	var all assetRuns
	for i := range all.samples {
		all.samples[i] = make([][]sample, len(servers))
	}
	for i := range all.delays {
		all.delays[i] = make([][]float64, len(servers))
	}
	for round := range b.rounds {
		for i := range servers {
			if round%2 == 1 {
				i = len(servers) - 1 - i
			}
			if err := b.assetTurn(ctx, servers[i], a, i, &all); err != nil {
				return err
			}
		}
	}
	return b.reportAssets(servers, a, &all)
}

// assetTurn starts a server, measures it under all loads, and ends it: the others shall have the machine for themselves.
func (b *bench) assetTurn(ctx context.Context, s *server, a *asset, place int, to *assetRuns) error {
	if err := s.restart(ctx); err != nil {
		return err
	}
	defer s.end()
	for load := range assetLoads {
		var got sample
		var err error
		switch load {
		case heyCold, heyWarm:
			var delays []float64
			got, delays, err = s.hey(ctx, a.path, packed()...)
			to.delays[load][place] = append(to.delays[load][place], delays...)
		case heyLetter:
			got, _, err = s.hey(ctx, a.path)
		case wrkKept:
			got, err = s.wrk(ctx, b.part(), heyClients, a.path, "Accept-Encoding: gzip")
		case wrkFresh:
			got, err = s.wrk(ctx, b.part(), heyClients, a.path, "Accept-Encoding: gzip", "Connection: close")
		}
		if err != nil {
			return err
		}
		b.progress("%-22s  %-10s %7.0f/s  %6.1f µs CPU  p50 %6.0f µs  p99 %6.0f µs", assetLoadNames()[load], s.name, got.tps, got.cpu, got.p50, got.p99)
		to.samples[load][place] = append(to.samples[load][place], got)
	}
	return nil
}
