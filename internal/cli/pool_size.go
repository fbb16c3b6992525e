package cli

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

const poolSizeHelp = `Calculate the size of the pool from people and what they do, with the formula.

Usage:
  holdfast pool size [--preset school] [--people N] [--teachers N] [--active SHARE] [--active-teachers SHARE]
                     [--requests N] [--database-time DURATION] [--dedicated] [--processes N] [--cores N] [--json]

  active    = people × their share + teachers × theirs: who uses the application at the same time
  arrivals  = active × requests a minute ÷ 60
  min_size  = arrivals × time in the database: so many connections are busy on average (Little's law)
  max_size  = twice that for peaks, three times on a server that PostgreSQL has to itself; at least busy + 3 × √busy

The preset is a school of 1000 pupils and 100 teachers, of whom 45% and 50% are there at the same time and ask once a second,
100 ms each: 50, and 100 or 150. Other options change it. Measure your own numbers: requests in the access log, the time in
holdfast pool show and the metrics. More busy connections than the server's processors can serve make each slower and none
faster; the answer says when that is so.

Options:
      --preset NAME             begin with the numbers of: school (the default)
      --people N                pupils, readers, patients (default 1000)
      --teachers N              staff, who use it otherwise (default 100)
      --active SHARE            of people, at the same time, as 45% or 0.45 (default 45%)
      --active-teachers SHARE   of teachers, at the same time (default 50%)
      --requests N              of one active person in a minute (default 60)
      --database-time DURATION  that one request needs in the database (default 100ms)
      --dedicated               PostgreSQL has a machine to itself (default: as the configuration says, else it has not)
      --processes N             convert for an application whose N processes have a pool each
      --cores N                 processors of the database server (default: those of this machine, if PostgreSQL shares it)

With --json the fields are people, teachers, active, per_second, busy, min_size, max_size, max_size_shared,
max_size_dedicated, dedicated, max_connections, cores, per_process (processes, min_size, max_size), remarks, and formula.

EXIT STATUS
  0, or 2 for numbers that cannot be

EXAMPLE
  holdfast pool size --preset school
  holdfast pool size --people 300 --teachers 25 --requests 6 --database-time 40ms
`

// poolLoad is what people do, and with what.
type poolLoad struct {
	preset                 string
	people, teachers       int
	active, activeTeachers shareFlag
	requests               float64 // of one person in a minute
	time                   durationFlag
	dedicated              bool
	processes, cores       int
}

// sizing is the answer of "holdfast pool size --json".
type sizing struct {
	People           int         `json:"people"`
	Teachers         int         `json:"teachers"`
	Active           float64     `json:"active"`
	PerSecond        float64     `json:"per_second"`
	Busy             float64     `json:"busy"`
	MinSize          int         `json:"min_size"`
	MaxSize          int         `json:"max_size"`
	MaxSizeShared    int         `json:"max_size_shared"`
	MaxSizeDedicated int         `json:"max_size_dedicated"`
	Dedicated        bool        `json:"dedicated"`
	MaxConnections   int         `json:"max_connections"` // that the server needs
	Cores            int         `json:"cores,omitempty"`
	PerProcess       *perProcess `json:"per_process,omitempty"`
	Remarks          []string    `json:"remarks"`
	Formula          []string    `json:"formula"`
}

// perProcess are the sizes for an application that pools in each of its processes.
type perProcess struct {
	Processes int `json:"processes"`
	MinSize   int `json:"min_size"`
	MaxSize   int `json:"max_size"`
}

// Peaks over the usual load that there is room for.
const (
	sharedPeak    = 2 // PostgreSQL shares its machine with the application
	dedicatedPeak = 3
)

func newPoolSize(a *app) *cobra.Command {
	l := poolLoad{time: durationFlag{unit.Duration(100 * time.Millisecond)}, active: 0.45, activeTeachers: 0.5}
	c := a.command("size", "calculate the size of the pool", poolSizeHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		if l.preset != "school" {
			return usage(c, "no such preset: "+l.preset)
		}
		if err := l.wrong(); err != nil {
			return usage(c, err.Error())
		}
		if !c.Flags().Changed("dedicated") {
			l.dedicated = a.databaseIsElsewhere()
		}
		if l.cores == 0 && !l.dedicated {
			l.cores = runtime.NumCPU()
		}
		s := l.size()
		return a.data(s, func() { a.printSizing(s) })
	})
	c.Flags().StringVar(&l.preset, "preset", "school", "")
	c.Flags().IntVar(&l.people, "people", 1000, "")
	c.Flags().IntVar(&l.teachers, "teachers", 100, "")
	c.Flags().Var(&l.active, "active", "")
	c.Flags().Var(&l.activeTeachers, "active-teachers", "")
	c.Flags().Float64Var(&l.requests, "requests", 60, "")
	c.Flags().Var(&l.time, "database-time", "")
	c.Flags().BoolVar(&l.dedicated, "dedicated", false, "")
	c.Flags().IntVar(&l.processes, "processes", 0, "")
	c.Flags().IntVar(&l.cores, "cores", 0, "")
	return c
}

func (l poolLoad) wrong() error {
	switch {
	case l.people < 0 || l.teachers < 0 || l.people+l.teachers == 0:
		return errors.New("somebody has to use it: --people, --teachers")
	case !(l.requests > 0) || math.IsInf(l.requests, 0):
		return errors.New("--requests must be more than 0")
	case l.time.D() <= 0:
		return errors.New("--database-time must be more than 0")
	case l.processes < 0 || l.cores < 0:
		return errors.New("--processes and --cores cannot be less than 0")
	case l.busy() > 100_000:
		return fmt.Errorf("%s busy connections are more than any PostgreSQL has; see --requests and --database-time", number(l.busy()))
	}
	return nil
}

func (l poolLoad) activeOnes() float64 {
	return float64(l.people)*float64(l.active) + float64(l.teachers)*float64(l.activeTeachers)
}

func (l poolLoad) perSecond() float64 { return l.activeOnes() * l.requests / 60 }

func (l poolLoad) busy() float64 { return l.perSecond() * l.time.D().Seconds() }

// size does the sum. A hair's breadth above a whole number is that number: 0.45 has no exact form.
func (l poolLoad) size() sizing {
	s := sizing{
		People: l.people, Teachers: l.teachers, Active: l.activeOnes(), PerSecond: l.perSecond(), Busy: l.busy(),
		Dedicated: l.dedicated, Cores: l.cores, Remarks: []string{},
	}
	s.MinSize = max(1, int(math.Ceil(s.Busy-1e-6)))
	s.MaxSizeShared, s.MaxSizeDedicated = max(sharedPeak*s.MinSize, byChance(s.Busy)), max(dedicatedPeak*s.MinSize, byChance(s.Busy))
	s.MaxSize = s.MaxSizeShared
	if l.dedicated {
		s.MaxSize = s.MaxSizeDedicated
	}
	own := postgres.DefaultConfig().MaxConnections
	s.MaxConnections = s.MaxSize + own + postgres.ConnectionReserve
	s.Formula = l.formula(s, own)
	if l.processes > 0 {
		s.PerProcess = &perProcess{l.processes, parts(s.MinSize, l.processes), parts(s.MaxSize, l.processes)}
	}
	s.Remarks = append(s.Remarks, l.remarks(s)...)
	return s
}

// byChance is how many connections suffice for nearly everybody when requests come at random: three standard deviations
// above the average, which for few is more than peaks ask for.
func byChance(busy float64) int { return int(math.Ceil(busy + 3*math.Sqrt(busy))) }

func parts(n, by int) int { return (n + by - 1) / by }

func (l poolLoad) formula(s sizing, own int) []string {
	peak, where, other, otherSize := sharedPeak, "PostgreSQL shares the machine", dedicatedPeak, s.MaxSizeDedicated
	elsewhere := "on a machine of its own"
	if l.dedicated {
		peak, where, other, otherSize, elsewhere = dedicatedPeak, "PostgreSQL has its own machine", sharedPeak, s.MaxSizeShared, "if it shared one"
	}
	chance := ""
	if s.MaxSize > peak*s.MinSize {
		chance = fmt.Sprintf(", and at least busy + 3 × √busy, as requests come by chance, = %d", s.MaxSize)
	}
	return []string{
		fmt.Sprintf("active           %d people × %s + %d teachers × %s = %s at the same time", l.people, &l.active, l.teachers, &l.activeTeachers, number(s.Active)),
		fmt.Sprintf("arrivals         %s × %s a minute ÷ 60 = %s a second", number(s.Active), number(l.requests), number(s.PerSecond)),
		fmt.Sprintf("busy             %s a second × %s = %s connections", number(s.PerSecond), l.time, number(s.Busy)),
		fmt.Sprintf("min_size         %d: ready for the usual load", s.MinSize),
		fmt.Sprintf("max_size         %d × %d for peaks = %d%s: %s (%s: × %d, %d)", s.MinSize, peak, peak*s.MinSize, chance, where, elsewhere, other, otherSize),
		fmt.Sprintf("max_connections  %d + %d for Holdfast + %d for people, backups and PostgreSQL itself = %d", s.MaxSize, own, postgres.ConnectionReserve, s.MaxConnections),
	}
}

// remarks are what the sum does not say.
func (l poolLoad) remarks(s sizing) []string {
	var all []string
	if p := s.PerProcess; p != nil {
		all = append(all, fmt.Sprintf("for %d processes with a pool each: min_size %d and max_size %d in each; the numbers above in each of them would be %d and %d",
			p.Processes, p.MinSize, p.MaxSize, p.Processes*s.MinSize, p.Processes*s.MaxSize))
	}
	if l.cores > 0 && s.Busy > busyPerCore*float64(l.cores) {
		all = append(all, fmt.Sprintf("%s busy connections are many for %s: beyond about %d for each, more make all slower and none faster, unless they mostly wait for disks or locks",
			number(s.Busy), count(l.cores, "processor"), busyPerCore))
	}
	return append(all, "in session mode a client that stays connected keeps its connection: all of them have to fit into max_size; else let them come through an endpoint with mode = \"transaction\"")
}

// busyPerCore is where throughput stops to grow on most machines: two for each processor, and some that wait for disks.
const busyPerCore = 4

func (a *app) printSizing(s sizing) {
	for _, line := range s.Formula {
		a.printf("%s\n", line)
	}
	a.printf("\n[database.options.pool]\nmin_size = %d\nmax_size = %d\ntimeout = 5\n", s.MinSize, s.MaxSize)
	for _, r := range s.Remarks {
		a.notef("\n%s", indent(wrap("note: "+r, 110), ""))
	}
}

// databaseIsElsewhere reports whether the configuration names a PostgreSQL on another machine. Without one it has none.
func (a *app) databaseIsElsewhere() bool {
	cfg, err := a.load()
	return err == nil && isElsewhere(cfg)
}

func isElsewhere(cfg *config.Config) bool {
	db := cfg.Database
	if db.Mode == postgres.PrivateCluster || db.Host == "" || strings.HasPrefix(db.Host, "/") || db.Host == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(db.Host)
	return err != nil || !ip.IsLoopback()
}

// number prints a number with at most two digits behind the point.
func number(f float64) string {
	return strconv.FormatFloat(math.Round(f*100)/100, 'f', -1, 64)
}

// shareFlag is a flag for a part of a whole: 45% or 0.45.
type shareFlag float64

// String implements pflag.Value.
func (s *shareFlag) String() string { return number(float64(*s)*100) + "%" }

// Set implements pflag.Value.
func (s *shareFlag) Set(text string) error {
	digits, percent := strings.CutSuffix(text, "%")
	f, err := strconv.ParseFloat(digits, 64)
	if percent {
		f /= 100
	}
	if err != nil || !(f >= 0 && f <= 1) {
		return errors.New("write a share as 45% or 0.45, 0 to 100%")
	}
	*s = shareFlag(f)
	return nil
}

// Type implements pflag.Value.
func (s *shareFlag) Type() string { return "share" }
