package main

import (
	"fmt"
	"strings"
)

func edgeVersions() []string {
	redis, _, _ := strings.Cut(firstLine("redis-server", "--version"), " sha")
	return []string{firstLine("nginx", "-v"), "Caddy " + firstLine("caddy", "version"), redis}
}

func rateOf(s sample) float64 { return s.tps }
func costOf(s sample) float64 { return s.cpu }
func halfOf(s sample) float64 { return s.p50 }
func tailOf(s sample) float64 { return s.p99 }

// delays prints median and 99th percentile in microseconds.
func (r edgeRun) delays(server string) string {
	return fmt.Sprintf("%.0f / %.0f", median(r.of(server, halfOf)), median(r.of(server, tailOf)))
}

func (r edgeRun) cost(server string) string {
	return fmt.Sprintf("%.1f µs", median(r.of(server, costOf)))
}

// against is Holdfast's figure over that of a peer.
func (r edgeRun) against(peer string, pick func(sample) float64) string {
	return ratio(r.of("Holdfast", pick).over(r.of(peer, pick)))
}

// reportEdge writes the tables.
func (b *bench) reportEdge(servers []*server, all *edgeRuns) {
	b.reportProxied(servers, all.proxied)
	if len(all.kept) > 0 {
		b.reportKept(all.kept)
	}
	b.reportStores(all.stored)
}

func (b *bench) reportProxied(servers []*server, runs map[int]edgeRun) {
	speed := table{
		title: "Edge: requests to an application",
		note: fmt.Sprintf("A page of %d bytes from one application (nginx, `return 200`, one worker), `wrk -t1 -cN -d%s` on connections that are kept, %d rounds in turn. "+
			"All keep their connections to the application, set X-Forwarded-* and a request id, and write no access log. There is no bar: what a request costs is the next table.",
			pageSize, seconds(b.part()), b.rounds),
		head: append(append([]string{"clients"}, names(servers)...), "Holdfast / nginx", "Holdfast / Caddy"),
	}
	cpu := table{
		title: "Edge: processor time for a request to an application",
		note:  "Of the proxy's processes; in the column direct that of the application, which every other way has besides.",
		head:  append(append([]string{"clients"}, names(servers)...), "Holdfast / nginx", "Holdfast / Caddy"),
	}
	delay := table{
		title: "Edge: latency of a request to an application",
		note:  "In microseconds, median and 99th percentile.",
		head:  append([]string{"clients"}, names(servers)...),
	}
	for _, n := range edgeClients() {
		r := runs[n]
		row, cost, wait := []string{fmt.Sprint(n)}, []string{fmt.Sprint(n)}, []string{fmt.Sprint(n)}
		for _, s := range servers {
			row, cost, wait = append(row, rate(median(r.of(s.name, rateOf)))), append(cost, r.cost(s.name)), append(wait, r.delays(s.name))
		}
		speed.add(append(row, r.against("nginx", rateOf), r.against("Caddy", rateOf))...)
		cpu.add(append(cost, r.against("nginx", costOf), r.against("Caddy", costOf))...)
		delay.add(wait...)
	}
	for _, t := range []table{speed, cpu, delay} {
		b.report.add(t)
	}
}

func (b *bench) reportKept(runs map[int]edgeRun) {
	t := table{
		title: "Edge: hits of the page cache",
		note:  "The same page with `Cache-Control: public, max-age=600`, kept by Holdfast's page cache and by nginx' `proxy_cache`; in brackets the processor time for a request.",
		head:  []string{"clients", "Holdfast", "nginx", "Holdfast / nginx", "p50 / p99 Holdfast", "nginx"},
	}
	for _, n := range edgeClients() {
		r := runs[n]
		row := []string{fmt.Sprint(n)}
		for _, name := range []string{"Holdfast", "nginx"} {
			row = append(row, fmt.Sprintf("%s (%s)", rate(median(r.of(name, rateOf))), r.cost(name)))
		}
		t.add(append(row, r.against("nginx", rateOf), r.delays("Holdfast"), r.delays("nginx"))...)
	}
	b.report.add(t)
}

func (b *bench) reportStores(runs map[storeLoad]edgeRun) {
	t := table{
		title: "Edge: the cache for frameworks beside Redis",
		note: fmt.Sprintf("`redis-benchmark -c 50 -d %d -r %d -t set|get` by TCP, for about %s each; in brackets the processor time for a command. Redis writes no file. "+
			"Redis has one thread for commands; Holdfast uses all processors, of which redis-benchmark needs one.", valueSize, keyCount, b.part()),
		head: []string{"command", "Holdfast", "Redis", "Holdfast / Redis", "p50 / p99 Holdfast, µs", "Redis"},
	}
	for _, o := range storeLoads() {
		r := runs[o]
		row := []string{o.String()}
		for _, name := range []string{"Holdfast", "Redis"} {
			row = append(row, fmt.Sprintf("%s (%s)", rate(median(r.of(name, rateOf))), r.cost(name)))
		}
		t.add(append(row, r.against("Redis", rateOf), r.delays("Holdfast"), r.delays("Redis"))...)
	}
	b.report.add(t)
}
