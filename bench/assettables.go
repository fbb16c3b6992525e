package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// plotName is the drawing beside the report.
const plotName = "assets-latency.svg"

func assetVersions() []string {
	python := "import importlib.metadata as m, platform; print(*('%s %s,' % (p, m.version(p)) for p in ('whitenoise', 'Django', 'gunicorn')), 'Python', platform.python_version())"
	return []string{firstLine("nginx", "-v"), "Caddy " + firstLine("caddy", "version"), firstLine("/usr/bin/python3", "-c", python), firstLine("dpkg-query", "-W", "-f", "hey ${Version}", "hey")}
}

// reportAssets writes the tables and the drawing.
func (b *bench) reportAssets(servers []*server, a *asset, all *assetRuns) error {
	rates := func(s sample) float64 { return s.tps }
	costs := func(s sample) float64 { return s.cpu }
	speed := table{
		title: "Assets: one stylesheet beside nginx, Caddy and WhiteNoise",
		note:  b.assetNote(a),
		head:  append(append([]string{"load"}, names(servers)...), "Holdfast / nginx", "bar", "Holdfast / WhiteNoise", "bar"),
	}
	cpu := table{
		title: "Assets: processor time for a request",
		note:  "Of the server's processes, connections and their ends included.",
		head:  append(append([]string{"load"}, names(servers)...), "Holdfast / nginx"),
	}
	delay := table{
		title: "Assets: latency",
		note:  "In milliseconds, median and 99th percentile. hey and wrk share the processors with the server, so much of it is theirs.",
		head:  append([]string{"load"}, names(servers)...),
		foot: fmt.Sprintf("All %d answers of `hey` for each server, drawn by this program:\n\n![Latency of one stylesheet under four servers](%s)\n\n"+
			"nginx' configuration:\n\n%s", b.rounds*heyRequests, plotName, indented(fmt.Sprintf(nginxAssets, "127.0.0.1:PORT", "DIRECTORY"))),
	}
	for load, name := range assetLoadNames() {
		row, cost, wait := []string{name}, []string{name}, []string{name}
		for i := range servers {
			row = append(row, rate(median(all.of(load, i, rates))))
			cost = append(cost, fmt.Sprintf("%.1f µs", median(all.of(load, i, costs))))
			wait = append(wait, fmt.Sprintf("%.2f / %.2f", median(all.of(load, i, func(s sample) float64 { return s.p50 }))/1e3,
				median(all.of(load, i, func(s sample) float64 { return s.p99 }))/1e3))
		}
		bar := barAssetsFresh
		if load == wrkKept {
			bar = barAssetsKept
		}
		nginx, python := all.of(load, 0, rates).over(all.of(load, 1, rates)), all.of(load, 0, rates).over(all.of(load, 3, rates))
		speed.add(append(row, ratio(nginx), b.report.verdict("Holdfast / nginx, "+name, nginx, bar, true),
			ratio(python), b.assetVerdict(load, python))...)
		cpu.add(append(cost, ratio(all.of(load, 0, costs).over(all.of(load, 1, costs))))...)
		delay.add(wait...)
	}
	for _, t := range []table{speed, cpu, delay} {
		b.report.add(t)
	}
	svg := drawDelays(names(servers), all.delays)
	return os.WriteFile(filepath.Join(filepath.Dir(b.report.path), plotName), []byte(svg), 0o644)
}

// assetVerdict holds Holdfast to its bar beside WhiteNoise where requests are what is measured, and not connecting: with a
// connection for each request no server at all is ten times as fast.
func (b *bench) assetVerdict(load int, v float64) string {
	if load != wrkKept {
		return ""
	}
	return b.report.verdict("Holdfast / WhiteNoise, "+assetLoadNames()[load], v, barAssetsPython, true)
}

func (b *bench) assetNote(a *asset) string {
	return fmt.Sprintf("A generated stylesheet of %.0f kB, which is %.1f kB in gzip: what all four send, from the same directory, under its hashed name and with the same "+
		"`Cache-Control`; nginx and Caddy add the same fields for browsers' safety. %d rounds; in each every server is started anew, and the others do not run. The line is\n\n    %s http://127.0.0.1:PORT%s\n\n"+
		"to the letter, and before that with `-H 'Accept-Encoding: gzip'`, once right after the start and once more: without that field hey asks for gzip as well, but "+
		"unpacks what it gets, which takes longer than any server. The same again with `wrk -t1 -c%d -d%s -H 'Accept-Encoding: gzip'`, without and with `-H 'Connection: close'`. WhiteNoise is part of a Django project, Gunicorn runs with `%s`; "+
		"the bar beside it is for connections that are kept, because with one for each request connecting is most of the work, and nginx itself is not ten times as fast.",
		float64(a.plain)/1e3, float64(a.gzip)/1e3, b.rounds, strings.Join(heyLine(), " "), a.path, heyClients, seconds(b.part()), strings.Join(gunicornArgs(), " "))
}

func names(servers []*server) []string {
	var out []string
	for _, s := range servers {
		out = append(out, s.name)
	}
	return out
}

// indented makes a block of code of a text.
func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ")
}
