package cli

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/census"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/fault"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

const poolAdviseHelp = `Multiply the application's pools by its processes, and say which pool belongs where and which mode suits.

Usage:
  holdfast pool advise [--processes N] [--pool MIN/MAX] [--cores N] [--role NAME] [--json]

A pool in the application is a pool in each of its processes. So 17 workers with SQLAlchemy's pool_size 20 and
max_overflow 10 are 17 × 30 = 510 connections, and 20 processes with "at least 50, at most 150" are 1,000 at rest and
3,000 at peak. The products are compared with the server's max_connections and with what else is connected.

Who is connected is asked from the running Holdfast, else from the server of [database] itself: by role, program and
address, past the pooler (pg_stat_activity) and through it. Processes are counted where their connections come from this
machine; else name their number.

Each of the modes is advised where it suits, none of them is the better one: one process on the machine of the database,
with a pool of its own and a role that nobody shares, connects directly; several processes, machines or programs come
through the pooler, in session mode while each client can have a server connection, and else in transaction mode.

Options:
      --cores N        processors of the application's machine (default: of this one)
      --pool MIN/MAX   the pool of each process, as 20/30 for pool_size 20 and max_overflow 10 (default: max_size of the
                       direct endpoint, or [database.options.pool], where SQLAlchemy's and psycopg's names are understood)
      --processes N    of the application (default: those that are connected, else 2 × processors + 1, as for Gunicorn)
      --role NAME      that the application logs in as (default: that of [database], or of the first direct endpoint)

With --json the fields are role, processes, processes_from, cores, pool (min_size, max_size), way (the mode as
configured), server (max_connections, reserved, connections, hidden; null when it did not answer), holders (role,
database, application, address, mode, connections, active, idle_in_transaction, processes), sum, at_rest, at_peak, fits,
mode, why, app, holdfast (the pools that belong there), remarks (code, evidence, consequence, fix).

EXIT STATUS
  0, 2 for numbers that cannot be, 3 when what the application is configured or said to open does not fit

EXAMPLE
  holdfast pool advise
  holdfast pool advise --processes 17 --pool 20/30
`

// adviseOptions are the options of pool advise.
type adviseOptions struct {
	processes, cores int
	pool, role       string
}

// poolAdvice is the answer of "holdfast pool advise --json".
type poolAdvice struct {
	Role          string          `json:"role"`
	Processes     int             `json:"processes"`
	ProcessesFrom string          `json:"processes_from"`
	Cores         int             `json:"cores"`
	Pool          census.Pool     `json:"pool"`
	Way           string          `json:"way"`
	Server        *census.Server  `json:"server"`
	Holders       []census.Holder `json:"holders"`
	census.Advice
}

func newPoolAdvise(a *app) *cobra.Command {
	o := adviseOptions{}
	c := a.command("advise", "say which pool belongs where, and which mode suits", poolAdviseHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		if o.processes < 0 || o.cores < 0 {
			return usage(c, "--processes and --cores cannot be less than 0")
		}
		if _, err := readPool(o.pool); err != nil {
			return usage(c, err.Error())
		}
		return runPoolAdvise(c.Context(), a, o)
	})
	c.Flags().IntVar(&o.processes, "processes", 0, "")
	c.Flags().IntVar(&o.cores, "cores", 0, "")
	c.Flags().StringVar(&o.pool, "pool", "", "")
	c.Flags().StringVar(&o.role, "role", "", "")
	return c
}

func runPoolAdvise(ctx context.Context, a *app, o adviseOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	seen, err := a.takeCensus(ctx, cfg)
	if err != nil {
		return err
	}
	q := question(cfg, o, seen)
	answer := poolAdvice{
		Role: q.Role, Processes: q.Processes, ProcessesFrom: q.Origin, Cores: q.Cores, Pool: q.Each, Way: q.Way,
		Holders: census.Hold(seen.Connections), Advice: census.Advise(q),
	}
	if q.Server.MaxConnections > 0 {
		answer.Server = &q.Server
	}
	if err := a.data(answer, func() { a.printAdvice(answer) }); err != nil {
		return err
	}
	if assumed := o.pool == "" && q.Way != census.Direct; answer.Fits || assumed {
		return nil
	}
	return fault.New(fault.Config, "pool_too_large", "the application's %d connections at peak do not fit", answer.AtPeak).
		WithHint("%s", answer.Remarks[0].Fix)
}

// takeCensus asks the running Holdfast who is connected, else the server itself. Where neither answers there is nothing to see, which
// is told.
func (a *app) takeCensus(ctx context.Context, cfg *config.Config) (daemon.Census, error) {
	client := control.NewClient(cfg.Socket())
	defer client.Close()
	c, err := control.Call[daemon.Census](ctx, client, routePoolCensus, control.Empty{})
	if err == nil || fault.KindOf(err) != fault.Unavailable {
		return c, err
	}
	if cfg.Database.Mode != postgres.PrivateCluster {
		db, failed := postgres.Connect(ctx, cfg.Database.Config)
		if failed == nil {
			defer db.Close()
			c, err = daemon.TakeCensus(ctx, db, cfg.Database.Config, func(int) bool { return false })
			census.FindProcesses("/proc", c.Connections)
			return c, err
		}
		err = failed
	}
	a.storyf("note: nobody says who is connected, and what the server allows: %v", err)
	return daemon.Census{Own: cfg.Database.MaxConnections}, nil
}

// question gathers what is configured, given and seen.
func question(cfg *config.Config, o adviseOptions, seen daemon.Census) census.Question {
	db, c := cfg.Database.Config, cfg.Database.Pooling
	q := census.Question{
		Role: cmp.Or(o.role, db.Username), Way: census.Direct, Cores: cmp.Or(o.cores, runtime.NumCPU()), Local: !isElsewhere(cfg),
		Each:   census.Pool{Min: db.Options.Pool.MinSize, Max: db.Options.Pool.MaxSize},
		Pooler: census.Pool{Min: db.Options.Pool.MinSize, Max: db.Options.Pool.MaxSize},
		Own:    seen.Own * max(1, len(c.Peers)), Server: seen.Server, Seen: seen.Connections,
	}
	if doors := c.Doors(); len(doors) > 0 {
		e := doors[max(0, appDoor(doors))]
		q.Pooler = census.Pool{Min: cmp.Or(e.MinSize, q.Pooler.Min), Max: cmp.Or(e.MaxSize, q.Pooler.Max)}
		q.Way = e.Mode
	}
	if direct := c.Direct(); len(direct) > 0 {
		q.Way = pooler.ModeDirect
		if o.role == "" {
			q.Role = cmp.Or(direct[0].Username, q.Role)
		}
		if most := direct[0].MaxSize; most > 0 {
			q.RoleLimit, q.Each = most, census.Pool{Min: min(q.Each.Min, most), Max: most}
		}
	}
	if given, err := readPool(o.pool); err == nil && o.pool != "" {
		q.Each = given
	}
	q.Processes, q.Origin = processes(o, q)
	for _, one := range seen.Connections {
		if one.Mode == "" && one.Role != q.Role {
			q.Others++
		}
	}
	return q
}

// processes returns how many the application has, and who says so.
func processes(o adviseOptions, q census.Question) (n int, from string) {
	if o.processes > 0 {
		return o.processes, "given"
	}
	pids := map[int]bool{}
	for _, c := range q.Seen {
		if c.Role == q.Role && c.PID > 0 {
			pids[c.PID] = true
		}
	}
	if len(pids) > 0 {
		return len(pids), "counted on this machine"
	}
	return 2*q.Cores + 1, "2 × processors + 1, as Gunicorn advises"
}

// readPool reads 20/30, or one number for a pool of one size.
func readPool(text string) (census.Pool, error) {
	if text == "" {
		return census.Pool{}, nil
	}
	least, most, both := strings.Cut(text, "/")
	if !both {
		most = least
	}
	low, err1 := strconv.Atoi(least)
	high, err2 := strconv.Atoi(most)
	if err1 != nil || err2 != nil || low < 0 || high < max(1, low) {
		return census.Pool{}, fmt.Errorf("--pool %q is not a pool: write its smallest and largest size, as 20/30", text)
	}
	return census.Pool{Min: low, Max: high}, nil
}

func (a *app) printAdvice(p poolAdvice) {
	processes := "1 process"
	if p.Processes != 1 {
		processes = decimal(int64(p.Processes)) + " processes"
	}
	a.printf("role %s, mode %s as configured, %s (%s) with %d to %d connections each\n\n",
		orDash(p.Role), p.Way, processes, p.ProcessesFrom, p.Pool.Min, p.Pool.Max)
	for _, line := range p.Sum {
		a.printf("%s\n", line)
	}
	if len(p.Holders) > 0 {
		a.printf("\n")
		a.printHolders(p.Holders)
	}
	a.printf("\nadvised: %s\n", a.bold("mode "+p.Mode))
	for _, line := range p.Why {
		a.hanging("- ", line)
	}
	a.printf("\npool in each process  %d to %d\n", p.App.Min, p.App.Max)
	if p.Holdfast != nil {
		a.printf("pool in Holdfast      %d to %d\n", p.Holdfast.Min, p.Holdfast.Max)
	}
	for _, r := range p.Remarks {
		a.printf("\n%s: %s\n", a.bold(r.Code), r.Evidence)
		a.hanging("  so: ", r.Consequence)
		a.hanging("  → ", r.Fix)
	}
}

// hanging prints a text below its beginning.
func (a *app) hanging(mark, text string) {
	lines := wrap(text, 110-len([]rune(mark)))
	a.printf("%s%s\n", mark, strings.Join(lines, "\n"+strings.Repeat(" ", len([]rune(mark)))))
}
