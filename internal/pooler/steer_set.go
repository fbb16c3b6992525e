package pooler

import (
	"context"
	"slices"
	"strconv"

	"holdfast/internal/fault"
	"holdfast/internal/pgauth"
	"holdfast/internal/pgbouncer"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// tuning is the part of the settings that can be changed while the pooler runs. One that is in use is never changed, but
// replaced.
type tuning struct {
	pool       postgres.PoolOptions
	hold       unit.Duration
	login      unit.Duration
	clients    int
	statements int

	// What only Reload changes.
	limits        map[string]Limit
	users         map[string]User
	userLimit     int                 // of those who have none of their own
	doors         map[string]Endpoint // by name, for their sizes and waits
	routes        map[string]Route    // for their sizes
	admins, stats []string
	rules         []pgauth.Rule
	password      secret.String // of the application's role

	lingering bool // nobody new comes
}

func tuningOf(c Config, db postgres.Config) *tuning {
	t := &tuning{
		pool: db.Options.Pool, hold: c.Hold, login: c.LoginTimeout, clients: c.MaxClients, statements: c.PreparedStatements,
		limits: c.Limits, admins: c.Admins, stats: c.StatsUsers,
		rules: c.Rules, password: db.Password,
		users: c.Users, userLimit: c.MaxUserConnections, routes: c.Routes, doors: map[string]Endpoint{},
	}
	doors := c.Doors()
	for i, name := range doorNames(doors) {
		t.doors[name] = doors[i]
	}
	return t
}

// onto returns the settings with what was changed since the start.
func (t *tuning) onto(c Config, db postgres.Config) (Config, postgres.Config) {
	db.Options.Pool = t.pool
	c.Hold, c.LoginTimeout, c.MaxClients, c.PreparedStatements = t.hold, t.login, t.clients, t.statements
	c.Limits, c.Admins, c.StatsUsers, c.Rules = t.limits, t.admins, t.stats, t.rules
	c.Users, c.MaxUserConnections, c.Routes = t.users, t.userLimit, t.routes
	c.Endpoints = slices.Clone(c.Endpoints)
	at := 0
	names := doorNames(c.Doors())
	for i, e := range c.Endpoints {
		if !e.isDirect() && at < len(names) {
			c.Endpoints[i] = t.at(names[at], e)
			at++
		}
	}
	return c, db
}

// at returns an endpoint with the sizes and the wait that it has now; one that is not configured any more keeps its own until the restart.
func (t *tuning) at(name string, e Endpoint) Endpoint {
	if now, ok := t.doors[name]; ok {
		e.MinSize, e.MaxSize, e.Timeout = now.MinSize, now.MaxSize, now.Timeout
	}
	return e
}

// knob is a setting that can be changed: a number or a span of time.
type knob struct {
	number *int
	span   *unit.Duration
}

// knob returns the place of a setting by its path, and whether it can be changed.
func (t *tuning) knob(path string) (knob, bool) {
	switch path {
	case "database.options.pool.min_size":
		return knob{number: &t.pool.MinSize}, true
	case "database.options.pool.max_size":
		return knob{number: &t.pool.MaxSize}, true
	case "database.options.pool.max_waiting":
		return knob{number: &t.pool.MaxWaiting}, true
	case "database.max_clients":
		return knob{number: &t.clients}, true
	case "database.prepared_statements":
		return knob{number: &t.statements}, true
	case "database.options.pool.timeout":
		return knob{span: &t.pool.Timeout}, true
	case "database.options.pool.max_lifetime":
		return knob{span: &t.pool.MaxLifetime}, true
	case "database.options.pool.max_idle":
		return knob{span: &t.pool.MaxIdle}, true
	case "database.hold":
		return knob{span: &t.hold}, true
	case "database.login_timeout":
		return knob{span: &t.login}, true
	}
	return knob{}, false
}

func isChangeable(path string) bool {
	_, ok := (&tuning{}).knob(path)
	return ok
}

// set reads a value as the configuration file has it.
func (k knob) set(value string) (err error) {
	if k.number != nil {
		*k.number, err = strconv.Atoi(value)
		return err
	}
	*k.span, err = unit.ParseDuration(value)
	return err
}

// check reports what cannot be.
func (t *tuning) check() error {
	o := t.pool
	switch {
	case o.MinSize < 0 || o.MaxSize < 0 || o.MaxSize != 0 && o.MaxSize < o.MinSize:
		return badValue("max_size is %d and min_size %d", o.MaxSize, o.MinSize)
	case o.MaxWaiting < 0 || o.MaxLifetime < 0 || o.MaxIdle < 0 || t.hold < 0:
		return badValue("it is less than 0")
	case o.Timeout <= 0 || t.login <= 0:
		return badValue("every wait must have a limit")
	case t.clients < 1 || t.statements < 1:
		return badValue("it is less than 1")
	}
	return nil
}

func badValue(format string, args ...any) error {
	return fault.New(fault.Usage, "bad_value", format, args...)
}

// Set implements console.Settings. What it changes is for pools, clients and servers alike, those that exist included; the
// settings of an endpoint, a route or a class are stronger, as in the configuration.
func (s source) Set(_ context.Context, key, value string) error {
	path := key
	aliases := pgbouncer.Aliases()
	if i := slices.IndexFunc(aliases, func(a pgbouncer.Alias) bool { return a.Name == key }); i >= 0 {
		path = aliases[i].Key
		if isChangeable(path) {
			ours, err := aliases[i].Convert(value)
			if err != nil {
				return badValue("%s: %w", key, err)
			}
			value = textOf(ours)
		}
	}
	if !isChangeable(path) {
		return s.fixed(key)
	}
	return s.tune(func(t *tuning) error {
		k, _ := t.knob(path)
		if err := k.set(value); err != nil {
			return badValue("%s: %w", key, err)
		}
		return t.check()
	})
}

// fixed says why a setting is not changed.
func (s source) fixed(key string) error {
	for _, known := range s.Config() {
		if known.Key == key {
			return fault.New(fault.Conflict, "not_changeable", "%s cannot be changed while the pooler runs", key).
				WithHint("change it in the configuration and restart; SHOW CONFIG says of each setting whether SET can change it")
		}
	}
	return fault.New(fault.NotFound, "unknown_setting", "unrecognized configuration parameter %q", key).WithHint("SHOW CONFIG lists them")
}

// tune puts a changed tuning into force.
func (p *Pooler) tune(change func(*tuning) error) error {
	if err := p.retune(change); err != nil {
		return err
	}
	p.rewarm()
	return nil
}

func (p *Pooler) retune(change func(*tuning) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := *p.tuned.Load()
	if err := change(&next); err != nil {
		return err
	}
	p.tuned.Store(&next)
	p.clients.resize(next.clients, reserveOf(next.limits))
	p.resize()
	for _, g := range p.groups {
		if err := g.pool.Configure(p.poolConfig(g)); err != nil {
			return err
		}
	}
	return nil
}

// Reload takes over what can change while the pooler runs: sizes and waits, limits of classes and of roles, who may use the console, and
// passwords; and routes, see reroute. What was changed by SET is as configured again. Certificates and user files are read anew by themselves
// when they change; endpoints and replicas need a restart. The settings must be valid.
func (p *Pooler) Reload(c Config, db postgres.Config) error {
	if err := tuningOf(c, db).check(); err != nil {
		return err
	}
	routes, err := p.routesOf(c, p.routes())
	if err != nil {
		return err
	}
	if err := p.reroute(routes); err != nil { // first: pools that are replaced do not change their sizes
		return err
	}
	for _, r := range p.routes() {
		if r.locator != nil && !r.follows {
			r.locator.cluster.SetPassword(r.password(c, db))
		}
	}
	return p.tune(func(t *tuning) error {
		*t = *tuningOf(c, db)
		for key, g := range p.groups {
			g.setLimit(t.limits[key.class])
			g.setPassword(passwordOf(key.user, c, db))
		}
		return nil
	})
}

// resize changes how many clients there may be.
func (c *clients) resize(limit, beyond int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.max, c.beyond = limit, beyond
}
