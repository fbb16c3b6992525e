package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// The drawing's measures, in pixels.
const (
	plotWidth   = 980
	plotHeight  = 520
	panelWidth  = 395
	panelHeight = 250
	panelTop    = 96
	firstPanel  = 66
	panelApart  = 480
	curvePoints = 160
)

// plotColours are those of the servers in their order; the first one is ours.
func plotColours() []string { return []string{"#c8102e", "#0f6b8f", "#4b8b3b", "#b3760a", "#6b4fa0"} }

const plotStyle = `<style>
text { font-family: system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; font-size: 13px; fill: #333 }
.title { font-size: 18px; font-weight: 600; fill: #111 } .panel { font-size: 14px; font-weight: 600; fill: #111 } .quiet { fill: #777 }
.grid { stroke: #e6e6e6 } .axis { stroke: #999 } .curve { fill: none; stroke-width: 2.4; stroke-linejoin: round; stroke-linecap: round }
.number { text-anchor: end; font-variant-numeric: tabular-nums } .middle { text-anchor: middle } .end { text-anchor: end }
</style>
`

// scale maps milliseconds to the width of a panel, by their logarithm.
type scale struct{ from, to float64 }

func (s scale) x(ms float64) float64 {
	ms = min(max(ms, s.from), s.to)
	return panelWidth * (math.Log(ms) - math.Log(s.from)) / (math.Log(s.to) - math.Log(s.from))
}

// ticks are 1, 2 and 5 of every power of ten.
func (s scale) ticks() []float64 {
	var out []float64
	for power := math.Pow(10, math.Floor(math.Log10(s.from))); power <= s.to; power *= 10 {
		for _, v := range []float64{power, 2 * power, 5 * power} {
			if v >= s.from*0.999 && v <= s.to*1.001 {
				out = append(out, v)
			}
		}
	}
	return out
}

// newScale reaches from the quickest answer to the slowest thousandth, which may be far out.
func newScale(panels [2][][]float64) scale {
	s := scale{math.Inf(1), 0}
	for _, p := range panels {
		for _, values := range p {
			s.from, s.to = min(s.from, slices.Min(values)), max(s.to, at(values, 0.999))
		}
	}
	s.from = max(s.from, 0.05)
	return scale{s.from / 1.1, max(s.to*1.1, s.from*10)}
}

// drawDelays draws for each server how many answers took how long: a panel for those right after its start, one for those after them.
func drawDelays(servers []string, panels [2][][]float64) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-label="Latency of one stylesheet">`+"\n", plotWidth, plotHeight)
	b.WriteString(plotStyle)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" rx="10" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	b.WriteString(`<text class="title" x="24" y="34">How long a visitor waits for the stylesheet</text>` + "\n")
	fmt.Fprintf(&b, `<text class="quiet" x="24" y="56">%s — share of answers that are there after so many milliseconds</text>`+"\n",
		html.EscapeString(strings.Join(heyLine(), " ")+" -H '"+packed()[1]+"'"))
	s := newScale(panels)
	for i, title := range []string{"right after the server's start", "once more"} {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", firstPanel+i*panelApart, panelTop)
		drawPanel(&b, s, title, servers, panels[i])
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func drawPanel(b *strings.Builder, s scale, title string, servers []string, delays [][]float64) {
	fmt.Fprintf(b, `<text class="panel" x="0" y="-10">%s</text>`+"\n", html.EscapeString(title))
	for _, share := range []float64{0, 0.25, 0.5, 0.75, 1} {
		y := panelHeight * (1 - share)
		fmt.Fprintf(b, `<line class="grid" x1="0" y1="%.1f" x2="%d" y2="%.1[1]f"/><text class="end quiet" x="-8" y="%.1[3]f">%.0[4]f %%</text>`+"\n",
			y, panelWidth, y+4, share*100)
	}
	for _, ms := range s.ticks() {
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="0" x2="%.1[1]f" y2="%[2]d"/><text class="middle quiet" x="%.1[1]f" y="%[3]d">%[4]g</text>`+"\n",
			s.x(ms), panelHeight, panelHeight+18, math.Round(ms*1000)/1000)
	}
	fmt.Fprintf(b, `<line class="axis" x1="0" y1="%d" x2="%d" y2="%[1]d"/><text class="end quiet" x="%[2]d" y="%[3]d">milliseconds</text>`+"\n",
		panelHeight, panelWidth, panelHeight+36)
	for i := len(servers) - 1; i >= 0; i-- { // ours on top
		fmt.Fprintf(b, `<path class="curve" stroke="%s" d="%s"/>`+"\n", plotColours()[i], curve(s, delays[i]))
	}
	drawLegend(b, servers, delays)
}

// drawLegend puts the figures of each server below its panel.
func drawLegend(b *strings.Builder, servers []string, delays [][]float64) {
	top := panelHeight + 62
	for i, text := range []string{"median", "99 %", "slowest"} {
		fmt.Fprintf(b, `<text class="number quiet" x="%d" y="%d">%s</text>`+"\n", 190+i*90, top, text)
	}
	for i, name := range servers {
		y := top + 20*(i+1)
		fmt.Fprintf(b, `<line x1="0" y1="%d" x2="22" y2="%[1]d" stroke="%[2]s" stroke-width="3"/><text x="32" y="%[3]d">%[4]s</text>`+"\n",
			y-4, plotColours()[i], y, html.EscapeString(name))
		for k, v := range []float64{at(delays[i], 0.5), at(delays[i], 0.99), slices.Max(delays[i])} {
			fmt.Fprintf(b, `<text class="number" x="%d" y="%d">%.1f ms</text>`+"\n", 190+k*90, y, v)
		}
	}
}

// curve returns the path of a distribution: the sorted values, thinned out.
func curve(s scale, values []float64) string {
	sorted := slices.Sorted(slices.Values(values))
	var b strings.Builder
	for i := range curvePoints + 1 {
		share := float64(i) / curvePoints
		v := sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
		fmt.Fprintf(&b, "%c%.1f %.1f", "ML"[min(i, 1)], s.x(v), panelHeight*(1-share))
	}
	return b.String()
}
