package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
)

// nameLength is how many hexadecimal digits of a digest stand in a name: 48 bits, as Django does it. Two contents of one
// file that shared them would get longer names; see Builder.nameFor.
const nameLength = 12

// graph says which asset refers to which.
type graph struct {
	edges map[string][]string // only to what exists, sorted
	// For Tarjan's algorithm: when a node was found, the earliest that it reaches, and the path.
	found, reach map[string]int
	path         []string
	onPath       map[string]bool
	groups       [][]string
}

// groups returns the strongly connected components of the assets, each after all that it refers to, and sorted within.
func groups(edges map[string][]string) [][]string {
	g := &graph{edges: edges, found: map[string]int{}, reach: map[string]int{}, onPath: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(edges)) {
		if _, ok := g.found[name]; !ok {
			g.search(name)
		}
	}
	return g.groups
}

// step is a node on the way, and which of its edges is next. The way is kept here and not on the stack of the goroutine:
// a chain of imports may be as long as somebody likes.
type step struct {
	name string
	next int
}

func (g *graph) search(start string) {
	way := []step{{name: start}}
	g.enter(start)
	for len(way) > 0 {
		at := &way[len(way)-1]
		if at.next < len(g.edges[at.name]) {
			to := g.edges[at.name][at.next]
			at.next++
			if _, ok := g.found[to]; !ok {
				g.enter(to)
				way = append(way, step{name: to})
			} else if g.onPath[to] {
				g.reach[at.name] = min(g.reach[at.name], g.found[to])
			}
			continue
		}
		name := at.name
		way = way[:len(way)-1]
		if len(way) > 0 {
			from := way[len(way)-1].name
			g.reach[from] = min(g.reach[from], g.reach[name])
		}
		if g.reach[name] == g.found[name] {
			g.leave(name)
		}
	}
}

func (g *graph) enter(name string) {
	g.found[name] = len(g.found)
	g.reach[name] = g.found[name]
	g.path = append(g.path, name)
	g.onPath[name] = true
}

// leave takes the component off the path of which name was found first.
func (g *graph) leave(name string) {
	at := slices.Index(g.path, name)
	group := slices.Clone(g.path[at:])
	g.path = g.path[:at]
	for _, n := range group {
		delete(g.onPath, n)
	}
	slices.Sort(group)
	g.groups = append(g.groups, group)
}

// inputs returns for each member of a group the digest of everything that its content depends on. For a file that refers
// to nothing that is the digest of its content. Members of a cycle depend on each other, so they share one digest, in
// which they stand for each other by their logical names.
func inputs(group []string, edges map[string][]string, sources map[string]source, hashed map[string]string) map[string]string {
	if name := group[0]; len(group) == 1 && len(edges[name]) == 0 {
		return map[string]string{name: sources[name].SHA256}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", rewriterVersion)
	for _, name := range group {
		fmt.Fprintf(h, "%q %q\n", name, sources[name].SHA256)
		for _, to := range edges[name] {
			if !slices.Contains(group, to) {
				fmt.Fprintf(h, "  %q %q\n", to, hashed[to])
			}
		}
	}
	common, out := h.Sum(nil), map[string]string{}
	for _, name := range group {
		own := sha256.New()
		_, _ = own.Write(common) // a hash takes everything
		_, _ = io.WriteString(own, name)
		out[name] = hex.EncodeToString(own.Sum(nil))
	}
	return out
}
