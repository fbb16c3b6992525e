package daemon

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/admin"
	"holdfast/internal/cacheserver"
	"holdfast/internal/control"
	"holdfast/internal/fault"
)

// CacheFlushRequest says what to remove from the cache.
type CacheFlushRequest struct {
	Database *int `json:"database,omitempty"` // nil: all
}

// CacheFlushAnswer says how many keys were removed.
type CacheFlushAnswer struct {
	Removed int `json:"removed"`
}

// startCache opens the endpoint that frameworks speak Redis to.
func (d *Daemon) startCache(ctx context.Context) error {
	if !d.cfg.Cache.Enabled {
		return nil
	}
	password, err := cacheserver.Password(d.cfg.Cache, d.cfg.Paths.State)
	if err != nil {
		return err
	}
	server, err := cacheserver.New(cacheserver.Options{
		Config: d.cfg.Cache, Password: password, Version: d.opts.Version, Log: d.log.With("part", "cache"),
	})
	if err != nil {
		return err
	}
	d.redis = server
	d.metrics.MustRegister(cacheMeters(server.Status)...)
	return d.runDoor(ctx, "cache", server)
}

// cacheAPI is the cache's part of the control API; "holdfast cache" calls it.
func (d *Daemon) cacheAPI() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/cache/status": control.Handle(d.showCache),
		"POST /v1/cache/flush":  control.Handle(d.flushCache),
	}
}

func (d *Daemon) haveCache() error {
	if d.redis == nil {
		return fault.New(fault.Conflict, "cache_off", "the cache is switched off").WithHint("set enabled = true in [cache] and start again")
	}
	return nil
}

func (d *Daemon) showCache(context.Context, control.Empty) (cacheserver.Status, error) {
	if err := d.haveCache(); err != nil {
		return cacheserver.Status{}, err
	}
	return d.redis.Status(), nil
}

func (d *Daemon) flushCache(_ context.Context, r CacheFlushRequest) (CacheFlushAnswer, error) {
	if err := d.haveCache(); err != nil {
		return CacheFlushAnswer{}, err
	}
	if d.cfg.Cache.Redis != "" {
		return CacheFlushAnswer{}, fault.New(fault.Conflict, "cache_relayed", "the keys are kept by %s", d.cfg.Cache.Redis).
			WithHint("flush them there, with redis-cli")
	}
	db := -1
	if r.Database != nil {
		if db = *r.Database; db < 0 || db >= cacheserver.Databases() {
			return CacheFlushAnswer{}, fault.New(fault.Usage, "cache_database", "there is no database %d", db).
				WithHint("they are numbered from 0 to %d", cacheserver.Databases()-1)
		}
	}
	return CacheFlushAnswer{d.redis.Flush(db)}, nil
}

func (d *Daemon) cacheStatus(ctx context.Context) admin.Status {
	if d.redis == nil {
		return admin.Status{State: admin.OK, Summary: "switched off"}
	}
	s := d.redis.Status()
	if s.Redis != "" {
		if err := d.redis.Check(ctx); err != nil {
			return failed("the cache server does not answer", err)
		}
		return admin.Status{
			State: admin.OK, Summary: "relayed to " + s.Redis,
			Facts: admin.Facts{{Name: "redis", Value: s.Redis}, {Name: "address", Value: s.Address}, {Name: "clients", Value: s.Clients}},
		}
	}
	return admin.Status{
		State: admin.OK, Summary: fmt.Sprintf("%s, %.0f %% of reads answered", count(int64(s.Entries), "key"), 100*s.HitRate()),
		Facts: admin.Facts{
			{Name: "address", Value: s.Address},
			{Name: "socket", Value: s.Socket},
			{Name: "clients", Value: s.Clients},
			{Name: "bytes", Value: s.Bytes},
			{Name: "bytes_max", Value: s.MaxBytes},
			{Name: "hits", Value: s.Hits},
			{Name: "misses_never", Value: s.Never},
			{Name: "misses_expired", Value: s.Expired},
			{Name: "misses_evicted", Value: s.Evicted},
			{Name: "evictions", Value: s.Evictions},
		},
	}
}

// cacheMeters show what the cache does; status is asked when somebody looks.
func cacheMeters(status func() cacheserver.Status) []prometheus.Collector {
	count := func(name, help string, labels prometheus.Labels, value func(cacheserver.Status) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: labels},
			func() float64 { return float64(value(status())) })
	}
	gauge := func(name, help string, value func(cacheserver.Status) int64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value(status())) })
	}
	reads := func(result string, value func(cacheserver.Status) int64) prometheus.Collector {
		return count("holdfast_cache_reads_total", "Reads of the cache, by result.", prometheus.Labels{"result": result}, value)
	}
	return []prometheus.Collector{
		reads("hit", func(s cacheserver.Status) int64 { return s.Hits }),
		reads("never", func(s cacheserver.Status) int64 { return s.Never }),
		reads("expired", func(s cacheserver.Status) int64 { return s.Expired }),
		reads("evicted", func(s cacheserver.Status) int64 { return s.Evicted }),
		count("holdfast_cache_commands_total", "Commands that the cache executed.", nil, func(s cacheserver.Status) int64 { return s.Commands }),
		count("holdfast_cache_evictions_total", "Keys that made room for others.", nil, func(s cacheserver.Status) int64 { return s.Evictions }),
		count("holdfast_cache_denied_total", "Wrong passwords.", nil, func(s cacheserver.Status) int64 { return s.Denied }),
		count("holdfast_cache_refused_total", "Clients refused because there were too many.", nil, func(s cacheserver.Status) int64 { return s.Refused }),
		gauge("holdfast_cache_bytes", "Memory of all keys.", func(s cacheserver.Status) int64 { return s.Bytes }),
		gauge("holdfast_cache_keys", "Keys.", func(s cacheserver.Status) int64 { return int64(s.Entries) }),
		gauge("holdfast_cache_clients", "Connections.", func(s cacheserver.Status) int64 { return int64(s.Clients) }),
	}
}
