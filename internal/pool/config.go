package pool

import (
	"log/slog"
	"time"

	"holdfast/internal/fault"
)

// Config is how one pool behaves. Begin with [Defaults]: a zero stands for itself, not for a default.
type Config struct {
	// Name of the pool in errors, logs and statistics, such as "journal/app".
	Name string
	// MinSize connections are opened before Start returns, and kept open and alive.
	MinSize int
	// MaxSize connections may exist at once, those that are being opened or closed included.
	MaxSize int
	// Reserved connections may exist beyond MaxSize, for requests of administrators.
	Reserved int
	// MaxPerOwner is how many connections one owner may hold; administrators are exempt. 0: no limit.
	MaxPerOwner int
	// GrowAtOnce is how many connections may be under way at once, so that a restarted server meets no herd.
	GrowAtOnce int

	// Timeout is how long a request waits for a connection.
	Timeout time.Duration
	// MaxWaiting requests may wait; one more is refused at once. Administrators are exempt. 0: no limit.
	MaxWaiting int
	// HoldDown is how long requests wait, from the moment when the server went away, for it to come back. 0: they fail at once.
	HoldDown time.Duration
	// HoldPaused is how long a request waits in a pool that is paused. 0: it fails at once.
	HoldPaused time.Duration

	// MaxLifetime is the age at which a connection is replaced, when nobody holds it. 0: no limit.
	MaxLifetime time.Duration
	// LifetimeJitter is the most by which a connection's life is made shorter, at random, so that connections that were
	// opened together do not end together.
	LifetimeJitter time.Duration
	// MaxIdle is how long a connection beyond MinSize stays open unused. 0: no limit.
	MaxIdle time.Duration
	// CheckAfter is how long a connection may lie idle and still be lent unchecked. 0: each one is checked; less: none is.
	CheckAfter time.Duration

	// OpenTimeout, CheckTimeout and ResetTimeout bound what is done with one connection.
	OpenTimeout, CheckTimeout, ResetTimeout time.Duration
	// RetryMin is the pause after the first failed opening; it doubles with each further one up to RetryMax.
	RetryMin, RetryMax time.Duration

	// Lazy makes Start return at once; MinSize connections are opened in the background.
	Lazy bool
	// StartPaused makes the pool begin its life paused, as if Pause had been called.
	StartPaused bool

	// OnWait is told how long a request waited when it had to, whether it got a connection or not. It must not block. May be nil.
	OnWait func(time.Duration)
	// Log is told when the server goes away and comes back. May be nil.
	Log *slog.Logger
}

// Defaults returns the settings of a pool of which nothing is known but its name.
func Defaults(name string) Config {
	return Config{
		Name:           name,
		MaxSize:        20,
		GrowAtOnce:     2,
		Timeout:        5 * time.Second,
		HoldPaused:     60 * time.Second,
		MaxLifetime:    time.Hour,
		LifetimeJitter: 6 * time.Minute,
		MaxIdle:        10 * time.Minute,
		CheckAfter:     30 * time.Second,
		OpenTimeout:    15 * time.Second,
		CheckTimeout:   2 * time.Second,
		ResetTimeout:   5 * time.Second,
		RetryMin:       100 * time.Millisecond,
		RetryMax:       5 * time.Second,
	}
}

// Validate returns all settings that cannot be, under the names that the configuration file gives them.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	atLeast := func(key string, value, least int) {
		if value < least {
			p.Add(key, "", "is %d; at least %d", value, least)
		}
	}
	atLeast("min_size", c.MinSize, 0)
	atLeast("max_size", c.MaxSize, 1)
	atLeast("reserved", c.Reserved, 0)
	atLeast("max_per_owner", c.MaxPerOwner, 0)
	atLeast("grow_at_once", c.GrowAtOnce, 1)
	atLeast("max_waiting", c.MaxWaiting, 0)
	if c.MinSize > c.MaxSize {
		p.Add("min_size", "", "is %d, more than max_size, which is %d", c.MinSize, c.MaxSize)
	}
	c.validateTimes(&p)
	return p
}

func (c Config) validateTimes(p *fault.Problems) {
	positive := func(key string, d time.Duration) {
		if d <= 0 {
			p.Add(key, "every wait has a limit", "is %v; more than 0 is needed", d)
		}
	}
	positive("timeout", c.Timeout)
	positive("open_timeout", c.OpenTimeout)
	positive("check_timeout", c.CheckTimeout)
	positive("reset_timeout", c.ResetTimeout)
	positive("retry_min", c.RetryMin)
	notNegative := func(key string, d time.Duration) {
		if d < 0 {
			p.Add(key, "", "is %v; not less than 0", d)
		}
	}
	notNegative("hold_down", c.HoldDown)
	notNegative("hold_paused", c.HoldPaused)
	notNegative("max_lifetime", c.MaxLifetime)
	notNegative("lifetime_jitter", c.LifetimeJitter)
	notNegative("max_idle", c.MaxIdle)
	if c.RetryMax < c.RetryMin {
		p.Add("retry_max", "", "is %v, less than retry_min, which is %v", c.RetryMax, c.RetryMin)
	}
	if c.MaxLifetime > 0 && c.LifetimeJitter >= c.MaxLifetime {
		p.Add("lifetime_jitter", "", "is %v; less than max_lifetime, which is %v", c.LifetimeJitter, c.MaxLifetime)
	}
}
