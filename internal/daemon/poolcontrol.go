package daemon

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/pooler"
	"holdfast/internal/unit"
)

// PoolRequest is an order about the pools of a database.
type PoolRequest struct {
	Database string        `json:"database,omitempty"` // "": all
	Timeout  unit.Duration `json:"timeout,omitempty"`  // of pause; 0: a minute
}

// PoolAnswer names the pools that an order was carried out on.
type PoolAnswer struct {
	Pools []string `json:"pools"`
}

// pauseTime is how long a pause waits for clients to let go, when nobody says how long.
const pauseTime = time.Minute

// poolRoutes are the pooler's part of the control API; "holdfast pool" calls it.
func (d *Daemon) poolRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/pool/show":      control.Handle(d.showPools),
		"POST /v1/pool/census":    control.Handle(d.poolCensus),
		"POST /v1/pool/pause":     control.Handle(d.pausePools),
		"POST /v1/pool/resume":    control.Handle(d.orderPools((*pooler.Pooler).Resume)),
		"POST /v1/pool/reconnect": control.Handle(d.orderPools((*pooler.Pooler).Reconnect)),
	}
}

func (d *Daemon) havePooler() error {
	if d.pooler == nil {
		return fault.New(fault.Conflict, "pooler_off", "the pooler is switched off").WithHint("set pooler = true in [database] and start again")
	}
	return nil
}

func (d *Daemon) showPools(ctx context.Context, _ control.Empty) (pooler.Status, error) {
	s := pooler.Status{Endpoints: []pooler.EndpointStatus{}, Pools: []pooler.PoolStatus{}}
	if d.pooler != nil {
		s = d.pooler.Status()
	}
	var err error
	s.Direct, err = d.directStatus(ctx)
	return s, err
}

func (d *Daemon) pausePools(ctx context.Context, r PoolRequest) (PoolAnswer, error) {
	if err := d.havePooler(); err != nil {
		return PoolAnswer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(r.Timeout.D(), pauseTime))
	defer cancel()
	names, err := d.pooler.Pause(ctx, r.Database)
	return PoolAnswer{names}, err
}

func (d *Daemon) orderPools(order func(*pooler.Pooler, string) ([]string, error)) func(context.Context, PoolRequest) (PoolAnswer, error) {
	return func(_ context.Context, r PoolRequest) (PoolAnswer, error) {
		if err := d.havePooler(); err != nil {
			return PoolAnswer{}, err
		}
		names, err := order(d.pooler, r.Database)
		return PoolAnswer{names}, err
	}
}
