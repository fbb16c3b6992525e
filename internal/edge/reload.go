package edge

import (
	"context"
	"errors"
	"fmt"
	"io"

	"holdfast/internal/fault"
	"holdfast/internal/httpcache"
	"holdfast/internal/web"
)

// Fixed returns the settings of [edge] that a Reload does not change: addresses, and what stands on them. They need a restart.
func Fixed() []string {
	return []string{
		"listen", "listeners", "http3", "cache.enabled", "cache.memory", "cache.disk", "cache.disk_free", "cache.max_object",
		"acme.enabled", "acme.accept_terms", "acme.email", "acme.directory", "acme.ca_file", "acme.profile",
	}
}

// settled returns the settings that a reload puts in force: the new ones, but for those that are fixed. Whether there is TLS at
// all is fixed, too: a listener cannot lose its certificates.
func (e *Edge) settled(c Config) Config {
	was := e.opts.Config
	hosts := c.ACME.Hosts
	c.Listen, c.Listeners, c.HTTP3, c.ACME = was.Listen, was.Listeners, was.HTTP3, was.ACME
	c.ACME.Hosts = hosts
	if len(c.pairs()) == 0 && !c.ACME.Enabled || len(was.pairs()) == 0 && !was.HasTLS() {
		c.TLSCert, c.TLSKey, c.Certificates = was.TLSCert, was.TLSKey, was.Certificates
	}
	return c
}

// Reload puts another configuration in force without a pause: requests under way end as they began, new ones are answered by the
// new rules. What is known of servers, limits and certificates that stay is kept. With an error nothing has changed. The
// configuration was validated.
func (e *Edge) Reload(ctx context.Context, c Config) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.running {
		return fault.New(fault.Unavailable, "not_running", "the edge does not run")
	}
	o := e.opts
	o.Config = e.settled(c)
	was := e.site.Load()
	s, err := newSite(o, e.kept, was)
	if err != nil {
		return fmt.Errorf("reload edge: %w", err)
	}
	files := web.NewCertificates(o.Config.pairs(), e.kept.log)
	if err := unusable(files.Check()); err != nil {
		return err
	}
	log, err := openAccessLog(o.Config.AccessLog)
	if err != nil {
		return err
	}
	fresh, gone, err := s.staff(o, was)
	for _, p := range fresh {
		err = errors.Join(err, p.Start(ctx))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("reload edge: %w", err), discard(log))
	}
	e.keys.files.Store(files)
	e.show(s, o)
	e.kept.times.SetSlow(o.Config.Slow.D())
	for _, p := range gone {
		e.retire(p)
	}
	if p := e.kept.pages; p != nil {
		p.cache.Configure(pageConfig(o.Config))
		if !sameApplications(was.config, o.Config) { // what is stored may be another application's
			_, _ = p.cache.Purge(httpcache.Purge{All: true}) // an order that is always understood
		}
	}
	if e.opts.ACME != nil {
		e.opts.ACME.SetHosts(o.Config.ACMEHosts(e.kept.log))
	}
	return e.kept.access.use(o.Config.AccessLog, log)
}

func discard(log io.Closer) error {
	if log == nil {
		return nil
	}
	return log.Close()
}
