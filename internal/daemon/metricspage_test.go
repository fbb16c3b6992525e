package daemon_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/daemon"
)

var updateMetrics = flag.Bool("update", false, "write docs/metrics.md instead of comparing it")

// The page names every number of a daemon in which everything is switched on.
func TestThePageOfMetricsIsFresh(t *testing.T) {
	t.Parallel()
	static := t.TempDir()
	if err := os.WriteFile(filepath.Join(static, "style.css"), []byte("body{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	d := start(t, nil, append(withDemoCourse(t), "HOLDFAST_STATIC__ROOT="+static, "HOLDFAST_CACHE__ENABLED=true",
		"HOLDFAST_CACHE__LISTEN=127.0.0.1:0", "HOLDFAST_EDGE__UPSTREAMS=http://127.0.0.1:9",
		"HOLDFAST_EDGE__CACHE__ENABLED=true")...)
	want := metricsPage(t, d)
	path := filepath.Join("..", "..", "docs", "metrics.md")
	if *updateMetrics {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != want {
		t.Errorf("docs/metrics.md is stale (%v): run make docs", err)
	}
}

func metricsPage(t *testing.T, d *daemon.Daemon) string {
	t.Helper()
	kinds := map[string]string{}
	families, err := d.MetricsForTest().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		kinds[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	var b strings.Builder
	b.WriteString(`# Metrics

The admin listener shows these numbers at /metrics, in the format of Prometheus. Besides them there are the Go runtime's
(go_…) and the process's own (process_…). A histogram has the usual _bucket, _sum and _count. Labels have few values: what comes from
requests (bucket, route) is bounded, and the rest is counted under "other". This page is made from the program: make docs.

| name | kind | labels | what it says |
|---|---|---|---|
`)
	var last string
	for _, m := range d.MetricsForTest().Descriptions() {
		if !strings.HasPrefix(m.Name, "holdfast_") || m.Name == last {
			continue
		}
		last = m.Name
		kind := m.Kind
		if kinds[m.Name] != "" {
			kind = kinds[m.Name]
		}
		if kind == "" {
			t.Errorf("nobody knows of what kind %s is", m.Name)
		}
		slices.Sort(m.Labels)
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, kind, strings.Join(m.Labels, ", "), strings.ReplaceAll(m.Help, "|", `\|`))
	}
	return b.String()
}
