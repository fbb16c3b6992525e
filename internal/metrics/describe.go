package metrics

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Description is what a metric is, whether it has been observed yet or not.
type Description struct {
	Name   string
	Kind   string // "counter", "gauge" or "histogram"; "" for a collector that only its values tell the kind of
	Help   string
	Labels []string
}

// described remembers what was registered.
type described struct {
	mu   sync.Mutex // protects the following
	list []Description
}

// Register implements prometheus.Registerer.
func (r *Registry) Register(c prometheus.Collector) error {
	if err := r.Registry.Register(c); err != nil {
		return err
	}
	r.described.add(c)
	return nil
}

// MustRegister implements prometheus.Registerer.
func (r *Registry) MustRegister(all ...prometheus.Collector) {
	r.Registry.MustRegister(all...)
	for _, c := range all {
		r.described.add(c)
	}
}

// Descriptions returns all that was registered, by name.
func (r *Registry) Descriptions() []Description {
	r.described.mu.Lock()
	defer r.described.mu.Unlock()
	list := slices.Clone(r.described.list)
	slices.SortFunc(list, func(a, b Description) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// The library shows what is in a Desc only as text: Desc{fqName: "…", help: "…", unit: "…", constLabels: {…}, variableLabels: {a,b}}.
var descText = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), (?:unit: "[^"]*", )?constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

func (d *described) add(c prometheus.Collector) {
	descs := make(chan *prometheus.Desc)
	go func() { // ends with Describe; the loop below waits for it
		c.Describe(descs)
		close(descs)
	}()
	d.mu.Lock()
	defer d.mu.Unlock()
	for desc := range descs {
		m := descText.FindStringSubmatch(desc.String())
		if m == nil {
			continue
		}
		name, _ := strconv.Unquote(m[1]) // the library quoted it
		help, _ := strconv.Unquote(m[2])
		labels := strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' || r == ' ' })
		d.list = append(d.list, Description{Name: name, Kind: kindOf(c), Help: help, Labels: labels})
	}
}

func kindOf(c prometheus.Collector) string {
	switch c.(type) {
	case *prometheus.CounterVec:
		return "counter"
	case *prometheus.GaugeVec:
		return "gauge"
	case *prometheus.HistogramVec, prometheus.Histogram:
		return "histogram"
	case prometheus.Gauge: // a Counter is none: it cannot be set
		return "gauge"
	case prometheus.Counter:
		return "counter"
	}
	return ""
}
