package config

import (
	"slices"
	"strings"
)

// fileSuffix makes of a secret's key the key of its twin, which names a file.
const fileSuffix = "_file"

// suggestion is a known key that an unknown one may have meant, with the cost of the step from one to the other.
type suggestion struct {
	path string
	cost int
}

// nearest returns the known path that an unknown path most likely means, or "".
func nearest(known []entry, unknown string) string {
	const longest = 100 // letters; what is longer is not a slip
	if len(unknown) > longest {
		return ""
	}
	best := suggestion{cost: 1 << 30}
	for _, e := range known {
		for _, path := range e.spellings() {
			if cost, ok := pathCost(fillNames(path, unknown), unknown); ok && cost < best.cost {
				best = suggestion{fillNames(path, unknown), cost}
			}
		}
	}
	return best.path
}

// spellings returns the paths under which a key may stand in a file.
func (e entry) spellings() []string {
	if e.secret {
		return []string{e.path, e.path + fileSuffix}
	}
	return []string{e.path}
}

// fillNames puts the names that a person chose into a schema path: buckets.*.public beside buckets.avatars.pubic is
// buckets.avatars.public.
func fillNames(path, unknown string) string {
	names, real := strings.Split(path, "."), splitPath(unknown)
	for i, n := range names {
		if n == anyName && i < len(real) {
			names[i] = real[i]
		}
	}
	return strings.ReplaceAll(strings.Join(names, "."), anyName, nameWord)
}

// pathCost says how far a known path is from an unknown one. Cheapest is a slip in one name of the same table, then
// the same name in another table, then a slip in both.
func pathCost(known, unknown string) (int, bool) {
	const otherTable = 10
	knownTable, knownName := parent(known)
	table, name := parent(unknown)
	nameCost, ok := wordCost(knownName, name)
	if !ok {
		return 0, false
	}
	if knownTable == table {
		return nameCost, true
	}
	if tableCost, ok := wordCost(knownTable, table); ok && tableCost < partOf && nameCost <= 2 {
		return 1 + nameCost + tableCost, true
	}
	if nameCost > 1 {
		return 0, false
	}
	return otherTable + 2*nameCost + tablesApart(knownTable, table), true
}

// tablesApart counts the steps from one table to another, up to the one that both are in and down again.
func tablesApart(a, b string) int {
	as, bs := strings.Split(a, "."), splitPath(b)
	shared := 0
	for shared < min(len(as), len(bs)) && as[shared] == bs[shared] {
		shared++
	}
	return len(as) + len(bs) - 2*shared
}

// partOf is the cost of a name that is a part of the other: more than the same name in another table.
const partOf = 20

// wordCost says how far two names are from each other, when they are near enough to be taken for one another: by
// slips of the finger, or because one is a part of the other as "bucket" is of "bucket_name".
func wordCost(a, b string) (int, bool) {
	if a == b {
		return 0, true
	}
	a, b = plain(a), plain(b)
	d := distance(a, b)
	if d <= max(1, min(len(a), len(b))/3) {
		return d, true
	}
	short, long := a, b
	if len(short) > len(long) {
		short, long = long, short
	}
	if len(short) >= 3 && (strings.HasPrefix(long, short) || strings.HasSuffix(long, short)) {
		return partOf, true
	}
	return 0, false
}

func plain(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
}

// distance is the number of letters to insert, drop, change or swap with their neighbour that turn a into b.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		rows[2][0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			rows[2][j] = min(rows[1][j]+1, rows[2][j-1]+1, rows[1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[2][j] = min(rows[2][j], rows[0][j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = rows[1], rows[2], rows[0]
	}
	return rows[1][len(b)]
}

// nearestVariable returns the environment variable that an unknown one most likely means, or "". Underscores do not
// count: HOLDFAST_DATABASE_HOST, with a single one, is the most common slip of all.
func nearestVariable(known []entry, name string) string {
	best, cost := "", 1<<30
	for _, e := range known {
		if e.table || slices.Contains(strings.Split(e.path, "."), anyName) {
			continue
		}
		for _, path := range e.spellings() {
			v := variable(path)
			if c := distance(plain(v), plain(name)); c < cost && c <= 3 {
				best, cost = v, c
			}
		}
	}
	return best
}

// variable returns the environment variable that sets a key.
func variable(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "__"))
}
