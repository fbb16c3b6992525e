package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/postgres"
)

// reloadable are the tables and settings that take effect without a restart.
func reloadable() []string {
	return append(contentReloadable(),
		"database.routes", "database.users", "database.max_user_connections", "database.rules", "database.auth", "database.limits", "database.admins", "database.fast_percent", "database.stats_users",
		"edge", "static",
		"database.password", "database.options.pool", "database.hold", "database.login_timeout", "database.max_clients", "database.prepared_statements",
	)
}

// Reload reads the configuration again and takes over what can change while the daemon runs: who may log in to PostgreSQL, how
// its pools are sized, the limits of classes, the sources of content, the rules and servers of the edge, the assets. What needs a restart is named in the log. A configuration
// with a mistake changes nothing.
func (d *Daemon) Reload(ctx context.Context) error {
	_, err := d.reload(ctx)
	return err
}

func (d *Daemon) reload(ctx context.Context) (ReloadAnswer, error) {
	if d.opts.Load == nil {
		return ReloadAnswer{}, fault.New(fault.Conflict, "no_reload", "this process was started without a configuration that can be read again")
	}
	if d.listeners.Given() {
		return ReloadAnswer{}, fault.New(fault.Conflict, "no_reload", "another process has taken over from this one")
	}
	d.reloading.Lock()
	defer d.reloading.Unlock()
	notify(d.log, systemd.SdNotifyReloading)
	defer notify(d.log, systemd.SdNotifyReady)
	cfg, err := d.opts.Load()
	if err != nil {
		d.log.ErrorContext(ctx, "configuration not reloaded, the old one stays in force", "error", err)
		return ReloadAnswer{}, err
	}
	applied, waiting := d.differences(cfg)
	if err := d.apply(ctx, cfg); err != nil {
		d.log.ErrorContext(ctx, "configuration not reloaded whole", "error", err)
		return ReloadAnswer{}, err
	}
	d.log.InfoContext(ctx, "configuration reloaded", "applied", strings.Join(applied, " "), "needs_restart", strings.Join(waiting, " "))
	return ReloadAnswer{applied, waiting}, nil
}

// apply hands the settings to the parts that take them.
func (d *Daemon) apply(ctx context.Context, cfg *config.Config) error {
	if err := d.reloadEdge(ctx, cfg); err != nil {
		return err
	}
	if err := d.reloadAssets(ctx, cfg); err != nil {
		return err
	}
	d.reloaded.Store(cfg)
	if err := d.reloadContent(cfg.Content); err != nil {
		return err
	}
	db := d.reloadDatabase(cfg)
	if err := d.limitRoles(ctx, cfg); err != nil {
		return err
	}
	if d.pooler == nil {
		return nil
	}
	d.installVerifiers(ctx, cfg)
	d.login.SetUsers(ownUsers(db))
	err := errors.Join(d.login.Reload(cfg.Database.Pooling.Config), d.pooler.Reload(cfg.Database.Pooling, db))
	d.watchRoom()
	if d.audit != nil {
		d.audit.Reopen()
	}
	return err
}

// reloadDatabase returns the settings of the server that was found at the start, with the sizes of its pools and the password as they
// are now. A private server has a password that no configuration knows.
func (d *Daemon) reloadDatabase(cfg *config.Config) postgres.Config {
	db := d.database
	db.Options = cfg.Database.Config.Options
	if password := cfg.Database.Config.Password; db.Mode != postgres.PrivateCluster && !password.IsZero() {
		db.Password = password
		d.db.SetPassword(password)
	}
	return db
}

// config returns the configuration that was read last.
func (d *Daemon) config() *config.Config {
	if c := d.reloaded.Load(); c != nil {
		return c
	}
	return d.cfg
}

// differences names the settings that take effect at once and differ from those that were read last, and the settings that need
// a restart and differ from those that the process was started with: these wait until then, however often is reloaded.
func (d *Daemon) differences(after *config.Config) (applied, waiting []string) {
	fixed := append(edgeFixed(), assetsFixed(d.cfg, after)...)
	atOnce := func(key string) bool {
		return (below(key, reloadable()) || isSize(key)) && !below(key, fixed)
	}
	applied = slices.DeleteFunc(different(d.config(), after), func(key string) bool { return !atOnce(key) })
	return applied, slices.DeleteFunc(different(d.cfg, after), atOnce)
}

// isSize reports whether a setting is the size of an endpoint's pools, or the wait for them.
func isSize(key string) bool {
	name := key[strings.LastIndexByte(key, '.')+1:]
	return strings.HasPrefix(key, "database.endpoints[") && (name == "min_size" || name == "max_size" || name == "timeout")
}

// different names the settings that two configurations do not share, in order.
func different(before, after *config.Config) []string {
	was, keys := map[string]config.Setting{}, []string{}
	for _, s := range before.Settings() {
		was[s.Key] = s
	}
	for _, s := range after.Settings() {
		old, known := was[s.Key]
		delete(was, s.Key)
		if !known || !config.Same(old, s) {
			keys = append(keys, s.Key)
		}
	}
	keys = slices.AppendSeq(keys, maps.Keys(was))
	slices.Sort(keys)
	return keys
}

// below reports whether a setting is one of the tables and settings, or in one of them.
func below(key string, tables []string) bool {
	return slices.ContainsFunc(tables, func(r string) bool { return key == r || strings.HasPrefix(key, r+".") || strings.HasPrefix(key, r+"[") })
}
