package files

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome is how a request for a file or an upload ended.
type outcome uint8

const (
	served      outcome = iota
	notFound            // no link at all, or nothing public
	refused             // the shape of a link, but not honoured
	expired             // a genuine link that is over
	conflict            // the slot was used
	tooLarge            // more bytes than allowed
	wrongType           // not the content that is allowed
	unusable            // an upload that is not what was announced, or broke off
	unavailable         // store or index do not answer
	outcomes
)

func (o outcome) String() string {
	return [outcomes]string{
		"served", "not_found", "refused", "expired", "conflict", "too_large", "wrong_type", "unusable", "unavailable",
	}[o]
}

// tally counts requests by outcome, for status and metrics.
type tally [outcomes]atomic.Int64

func (t *tally) count(o outcome) { t[o].Add(1) }

// snapshot returns the counts that are not zero.
func (t *tally) snapshot() map[string]int64 {
	m := map[string]int64{}
	for o := range outcomes {
		if n := t[o].Load(); n > 0 {
			m[o.String()] = n
		}
	}
	return m
}

// register shows the counts as a metric with the label outcome.
func (t *tally) register(reg prometheus.Registerer, name, help string) error {
	for o := range outcomes {
		c := prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{"outcome": o.String()},
		}, func() float64 { return float64(t[o].Load()) })
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}
