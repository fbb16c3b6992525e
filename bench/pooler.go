package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// The bars (the pooler beside PgBouncer).
const (
	barOne        = 0.9 // transactions a second at one client, at least
	barMany       = 1.0 // and at more
	barCPU        = 1.1 // processor time for a transaction, at most
	barLatency    = 1.0 // 99th percentile, at most
	barIdle       = 8.0 // KB for an idle client, at most
	barIdleSecure = 18.0
)

// loads are all kinds of work for pgbench.
func loads() []load {
	var all []load
	for _, mode := range modes() {
		for _, clients := range []int{1, 16, 100, 1000} {
			all = append(all, load{mode, clients})
		}
	}
	return all
}

// runs are the samples of one load: for each door those of all rounds.
type runs [3][]sample

// The places in runs.
const (
	direct = iota
	peer
	ours
)

// of picks a figure out of the samples.
func (r runs) of(door int, pick func(sample) float64) series {
	var s series
	for _, sample := range r[door] {
		s = append(s, pick(sample))
	}
	return s
}

// withPostgres returns a room that has a PostgreSQL without a pooler.
func (b *bench) withPostgres(name string, run func(context.Context, *pgServer) error) room {
	return room{name, func(ctx context.Context) error {
		dir := filepath.Join(b.dir, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		pg, err := startPostgres(ctx, dir)
		if err != nil {
			return err
		}
		defer pg.stop()
		return run(ctx, pg)
	}}
}

// benchTraffic measures pgbench and COPY through all doors in turn.
func (b *bench) benchTraffic(ctx context.Context, pg *pgServer) error {
	theirs, err := startPgBouncer(b.dir, "pgbouncer", pg, nil)
	if err != nil {
		return fmt.Errorf("%w (apt-get install pgbouncer)", err)
	}
	defer theirs.process.stop()
	holdfast, err := startPooler(ctx, b.dir, "pooler", b.binary, pg, nil)
	if err != nil {
		return err
	}
	defer holdfast.process.stop()
	doors := []*door{{name: "direct", port: pg.port, modes: allModes()}, theirs, holdfast}
	all := map[load]*runs{}
	copies := make([]bulk, len(doors))
	for round := range b.rounds {
		for _, l := range loads() {
			if all[l] == nil {
				all[l] = &runs{}
			}
			if err := b.turn(ctx, pg, doors, round, l, all[l]); err != nil {
				return err
			}
		}
		if err := b.copyTurn(ctx, pg, doors, round, copies); err != nil {
			return err
		}
	}
	b.reportTraffic(doors, all)
	b.reportCopy(doors, copies)
	return nil
}

// turn measures one load through each door. Every other round goes the other way round, so that none is always first.
func (b *bench) turn(ctx context.Context, pg *pgServer, doors []*door, round int, l load, to *runs) error {
	for i := range doors {
		if round%2 == 1 {
			i = len(doors) - 1 - i
		}
		d := doors[i]
		if !d.modes[l.mode] {
			continue
		}
		s, err := l.measure(ctx, pg, d, b.span)
		if err != nil {
			return err
		}
		b.progress("%-8s %4d clients  %-9s %6.0f tps  %5.1f µs CPU  p50 %6.0f µs  p99 %6.0f µs", l.mode, l.clients, d.name, s.tps, s.cpu, s.p50, s.p99)
		to[i] = append(to[i], s)
	}
	return nil
}

// bulk is what COPY of a large table took.
type bulk struct{ rates, cpus series }

// copyTurn copies the large table out through each door.
func (b *bench) copyTurn(ctx context.Context, pg *pgServer, doors []*door, round int, to []bulk) error {
	for i := range doors {
		if round%2 == 1 {
			i = len(doors) - 1 - i
		}
		rate, cpu, err := copyOut(ctx, pg, doors[i])
		if err != nil {
			return err
		}
		b.progress("COPY                   %-9s %6.0f MB/s %6.0f ms CPU", doors[i].name, rate, cpu)
		to[i].rates, to[i].cpus = append(to[i].rates, rate), append(to[i].cpus, cpu)
	}
	return nil
}

// copyOut returns MB a second, and milliseconds of the pooler's processor time.
func copyOut(ctx context.Context, pg *pgServer, d *door) (rate, cpu float64, err error) {
	before, err := d.work()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := output(ctx, pg.program("psql"), "-h", "127.0.0.1", "-p", d.port, "-U", benchUser, "-d", benchUser, "-qX",
		"-c", `\copy wide TO /dev/null`); err != nil {
		return 0, 0, err
	}
	spent := time.Since(began)
	after, err := d.work()
	return copyRows * copyRowBytes / 1e6 / spent.Seconds(), float64((after - before).Milliseconds()), err
}

// idleCase is a pooler in the comparison of idle clients.
type idleCase struct {
	name   string
	secure bool
	start  func(dir, name string, cert *certificate) (*door, error)
	weight float64
}

// benchIdle weighs idle clients: one process after the other, each fresh.
func (b *bench) benchIdle(ctx context.Context, pg *pgServer) error {
	files, err := raiseFiles()
	if err != nil {
		return err
	}
	n := min(10_000, files-1000)
	if b.report.quick {
		n = min(n, 2000)
	}
	cert, err := newCertificate(b.dir, pg)
	if err != nil {
		return err
	}
	theirs := func(dir, name string, c *certificate) (*door, error) { return startPgBouncer(dir, name, pg, c) }
	our := func(dir, name string, c *certificate) (*door, error) {
		return startPooler(ctx, dir, name, b.binary, pg, c)
	}
	cases := []*idleCase{
		{name: "PgBouncer", start: theirs},
		{name: "Holdfast", start: our},
		{name: "PgBouncer", secure: true, start: theirs},
		{name: "Holdfast", secure: true, start: our},
	}
	for i, c := range cases {
		if err := c.weigh(ctx, b.dir, "idle"+strconv.Itoa(i), cert, n); err != nil {
			return err
		}
		b.progress("%d idle clients  TLS %-5t  %-9s %5.1f KB each", n, c.secure, c.name, c.weight)
	}
	b.reportIdle(cases, n)
	return nil
}

func (c *idleCase) weigh(ctx context.Context, dir, name string, cert *certificate, n int) error {
	if !c.secure {
		cert = nil
	}
	d, err := c.start(dir, name, cert)
	if err != nil {
		return err
	}
	defer d.process.stop()
	c.weight, err = weigh(ctx, d, n, c.secure)
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, name+".log"))
		return fmt.Errorf("%w\n%s", err, said[max(0, len(said)-2000):])
	}
	return nil
}
