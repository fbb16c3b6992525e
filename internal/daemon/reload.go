package daemon

import (
	"context"
	"errors"
	"slices"
	"strings"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"holdfast/internal/config"
	"holdfast/internal/fault"
)

// reloadable are the tables and settings that take effect without a restart.
func reloadable() []string {
	return append(contentReloadable(),
		"database.rules", "database.auth", "database.limits", "database.admins", "database.fast_percent", "database.stats_users",
		"edge", "static",
		"database.options.pool", "database.hold", "database.login_timeout", "database.max_clients", "database.prepared_statements",
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
	d.reloading.Lock()
	defer d.reloading.Unlock()
	notify(d.log, systemd.SdNotifyReloading)
	defer notify(d.log, systemd.SdNotifyReady)
	cfg, err := d.opts.Load()
	if err != nil {
		d.log.ErrorContext(ctx, "configuration not reloaded, the old one stays in force", "error", err)
		return ReloadAnswer{}, err
	}
	applied, waiting := compare(d.config(), cfg)
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
	if err := d.limitRoles(ctx, cfg); err != nil {
		return err
	}
	if d.pooler == nil {
		return nil
	}
	d.installVerifiers(ctx, cfg)
	pool := cfg.Database.Config // the server stays the one that was found at the start
	db := d.database
	db.Options = pool.Options
	err := errors.Join(d.login.Reload(cfg.Database.Pooling.Config), d.pooler.Reload(cfg.Database.Pooling, db))
	d.watchRoom()
	if d.audit != nil {
		d.audit.Reopen()
	}
	return err
}

// config returns the configuration that was read last.
func (d *Daemon) config() *config.Config {
	if c := d.reloaded.Load(); c != nil {
		return c
	}
	return d.cfg
}

// compare names the settings that differ: those that take effect at once, and those that need a restart.
func compare(before, after *config.Config) (applied, waiting []string) {
	fixed := append(edgeFixed(), assetsFixed(before, after)...)
	was := map[string]any{}
	for _, s := range before.Settings() {
		was[s.Key] = s
	}
	for _, s := range after.Settings() {
		old, known := was[s.Key].(config.Setting)
		delete(was, s.Key)
		if known && config.Same(old, s) {
			continue
		}
		note(s.Key, fixed, &applied, &waiting)
	}
	for key := range was {
		note(key, fixed, &applied, &waiting)
	}
	slices.Sort(applied)
	slices.Sort(waiting)
	return applied, waiting
}

func note(key string, fixed []string, applied, waiting *[]string) {
	if below(key, reloadable()) && !below(key, fixed) {
		*applied = append(*applied, key)
		return
	}
	*waiting = append(*waiting, key)
}

// below reports whether a setting is one of the tables and settings, or in one of them.
func below(key string, tables []string) bool {
	return slices.ContainsFunc(tables, func(r string) bool { return key == r || strings.HasPrefix(key, r+".") || strings.HasPrefix(key, r+"[") })
}
