package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"syscall"
	"time"
)

// run5xx is how many times fall answers of 5xx have to come in a row to take a server down.
const run5xx = 20

// watch checks a server until the pool stops, more often while it is down.
func (p *Pool) watch(ctx context.Context, n *node) {
	timer := time.NewTimer(p.options().Config.Health.Interval.D())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.gone:
			return
		case <-timer.C:
		}
		n.wires.prune(time.Now())
		if err := p.check(ctx, n); ctx.Err() == nil {
			p.checked(n, err)
		}
		pause := p.options().Config.Health.Interval.D()
		if p.isDown(n) {
			pause = max(50*time.Millisecond, pause/4)
		}
		timer.Reset(pause)
	}
}

func (p *Pool) isDown(n *node) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return n.down
}

// check asks a server once.
func (p *Pool) check(ctx context.Context, n *node) error {
	h := p.options().Config.Health
	ctx, cancel := context.WithTimeout(ctx, h.Timeout.D())
	defer cancel()
	if h.Path == "" {
		c, err := new(net.Dialer).DialContext(ctx, n.Network, n.Address)
		if err != nil {
			return err
		}
		return c.Close()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Scheme+"://"+urlHost(n.Server)+h.Path, nil)
	if err != nil {
		return err
	}
	if h.Host != "" {
		r.Host = h.Host
	} else if p.options().Host != "" {
		r.Host = p.options().Host
	}
	r.Header.Set("User-Agent", "Holdfast health check")
	r.Header.Set("X-Forwarded-Proto", "https") // an application that insists on TLS would answer 301 only
	r.Close = true
	resp, err := n.transport.Load().RoundTrip(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // only its status counts
	if err := resp.Body.Close(); err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest || resp.StatusCode < http.StatusOK {
		return fmt.Errorf("%s was answered %d", h.Path, resp.StatusCode)
	}
	return nil
}

// checked takes the outcome of a check into account.
func (p *Pool) checked(n *node, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n.isGone() {
		return
	}
	h := p.options().Config.Health
	if err != nil {
		n.rises = 0
		n.lastError = err.Error()
		if n.fails++; !n.down && n.fails >= h.Fall {
			p.setDown(n, err, true)
		}
		return
	}
	if !n.down {
		if h.Path != "" {
			n.fails = 0
		}
		return
	}
	if n.rises++; n.rises >= h.Rise {
		p.setUp(n)
	}
}

// broke takes a failure into account that a request met before its answer began.
func (p *Pool) broke(n *node, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.failures++
	n.lastError = err.Error()
	n.fails++
	if !n.down && !n.isGone() && (n.fails >= p.options().Config.Health.Fall || nobodyListens(err)) {
		p.setDown(n, err, true)
	}
}

// nobodyListens reports errors that leave no doubt.
func nobodyListens(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}

// answered takes an answer into account.
func (p *Pool) answered(n *node, status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.fails = 0
	switch status {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		n.failures++
		n.errors5xx++
	default:
		n.errors5xx = 0
		return
	}
	if n.errors5xx >= run5xx*p.options().Config.Health.Fall && !n.down && !n.isGone() && p.othersUp(n) {
		p.setDown(n, fmt.Errorf("%d answers of 5xx in a row", n.errors5xx), false)
	}
}

// othersUp reports whether there is another server to go to. Callers must hold mu.
func (p *Pool) othersUp(n *node) bool {
	return slices.ContainsFunc(p.nodes, func(o *node) bool { return o != n && !o.down && !o.drained })
}

// setDown takes a server out. Callers must hold mu.
func (p *Pool) setDown(n *node, err error, hard bool) {
	n.down, n.hard, n.since, n.rises = true, hard, time.Now(), 0
	n.lastError = err.Error()
	n.closeIdle()
	p.options().Log.Warn("upstream down", "server", n.ID, "error", err)
	p.meter.up(n.ID, false)
	if p.options().Report != nil {
		p.options().Report(n.ID, err)
	}
	p.rescue()
	p.dispatch()
}

// rescue takes back a server that is out for its answers alone when nobody else is left. Callers must hold mu.
func (p *Pool) rescue() {
	if slices.ContainsFunc(p.nodes, func(n *node) bool { return !n.down && !n.drained }) {
		return
	}
	for _, n := range p.nodes {
		if n.down && !n.hard && !n.drained {
			p.setUp(n)
			return
		}
	}
}

// setUp takes a server in again. Callers must hold mu.
func (p *Pool) setUp(n *node) {
	now := time.Now()
	p.options().Log.Info("upstream up", "server", n.ID, "after", now.Sub(n.since).Round(time.Millisecond).String())
	n.down, n.since, n.fails, n.errors5xx, n.lastError = false, now, 0, 0, ""
	if p.othersUp(n) {
		n.warm = now.Add(p.options().Config.SlowStart.D())
	}
	p.meter.up(n.ID, true)
	if p.options().Report != nil {
		p.options().Report(n.ID, nil)
	}
	p.dispatch()
}
