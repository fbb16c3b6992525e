package pooler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// exporter makes metrics of PgBouncer's tables as exporters do: each number of a row is a series with the row's key for labels.
type exporter struct {
	conn *pgx.Conn
	t    *testing.T
}

// keys are the columns by which PgBouncer's tables are told apart.
var keys = map[string][]string{ //nolint:gochecknoglobals // a table
	"POOLS": {"database", "user"}, "DATABASES": {"name"}, "STATS": {"database"}, "STATS_TOTALS": {"database"},
	"STATS_AVERAGES": {"database"}, "TOTALS": {"name"}, "LISTS": {"list"}, "USERS": {"name"},
}

func (exporter) Describe(chan<- *prometheus.Desc) {} // unchecked: columns are found out

func (e exporter) Collect(to chan<- prometheus.Metric) {
	for table, labels := range keys {
		for _, row := range show(e.t, e.conn, table) {
			values := make([]string, len(labels))
			for i, l := range labels {
				values[i] = fmt.Sprint(row[l])
			}
			for column, v := range row {
				n, ok := v.(int32)
				if !ok {
					continue
				}
				desc := prometheus.NewDesc(strings.ToLower("pgbouncer_"+table+"_"+column), "of "+table, labels, nil)
				to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(n), values...)
			}
		}
	}
}

// Exporters for PgBouncer label pools by database and user, and Prometheus refuses a series that comes twice: several endpoints
// are one row there, added up, and a row each in a table of ours.
func TestAnExporterForPgBouncerFindsEachSeriesOnce(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, _ *postgres.Config) {
		c.Endpoints = append(c.Endpoints, pooler.Endpoint{Listen: "127.0.0.3:0", Mode: pooler.ModeTransaction})
	}}.start(t)
	for endpoint := range 3 {
		s.wire(t, endpoint).must("SELECT 1")
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(exporter{s.console(t), t})
	families, err := registry.Gather()
	if err != nil || len(families) < 30 {
		t.Fatalf("%d families: %v", len(families), err)
	}
	admin := s.console(t)
	var parts int
	clients := int32(0)
	for _, row := range show(t, admin, "ENDPOINT_POOLS") {
		if row["database"] == s.db.Name {
			parts++
			clients += row["cl_active"].(int32) //nolint:errcheck,forcetypeassert // the column's type
		}
	}
	row := find(t, show(t, admin, "POOLS"), "database", s.db.Name)
	if parts != 3 || clients != 3 || row["cl_active"] != clients || row["pool_size"] != int32(15) || row["pool_mode"] != "session,transaction" {
		t.Errorf("%d pools of %d clients, together %v", parts, clients, row)
	}
}
