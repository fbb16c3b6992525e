package archtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// floors returns the height of every package in the table.
func floors() map[string]int {
	height := map[string]int{}
	for i, t := range tiers() {
		for _, p := range t.packages {
			height[p] = i
		}
	}
	return height
}

func TestPackagesImportOnlyLowerTiers(t *testing.T) {
	t.Parallel()
	var found []violation
	for _, p := range packages(t) {
		found = append(found, checkImports(p)...)
	}
	report(t, found, "tier")
}

// checkImports judges what a package imports. Programs that do not ship (packaging, benchmarks) may import anything.
func checkImports(p pkg) []violation {
	height := floors()
	own, inTable := height[p.name()]
	if !inTable {
		return nil
	}
	var found []violation
	for _, path := range p.Imports {
		if !strings.HasPrefix(path, module+"/") {
			continue
		}
		other, known := height[nameOf(path)]
		what := ""
		switch {
		case slices.Contains(testOnly(), nameOf(path)):
			what = fmt.Sprintf("imports %s, which is for tests only", path)
		case known && other >= own:
			what = fmt.Sprintf("imports %s of tier %q, but stands in tier %q: only lower tiers may be imported",
				path, tiers()[other].name, tiers()[own].name)
		case !known:
			what = fmt.Sprintf("imports %s, which stands in no tier", path)
		}
		if what != "" {
			found = append(found, violation{file: place(p), line: 1, rule: "tier", symbol: nameOf(path), what: what})
		}
	}
	return found
}

// place returns the directory of a package below the module.
func place(p pkg) string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func TestAnImportOfTheSameOrAHigherTierOrOfATestPackageIsFound(t *testing.T) {
	t.Parallel()
	f := func(from, to, want string) {
		t.Helper()
		got := checkImports(pkg{ImportPath: module + "/" + from, Imports: []string{"fmt", module + "/" + to}})
		if (want == "") != (len(got) == 0) || want != "" && !strings.Contains(got[0].String(), want) {
			t.Errorf("%s imports %s: %v; want %q", from, to, got, want)
		}
	}
	f("internal/unit", "internal/fault", "")
	f("internal/files", "internal/objects", "")
	f("cmd/holdfast", "internal/cli", "")
	f("packaging/tool", "internal/cli", "")
	f("internal/unit", "internal/health", `internal/unit:1: tier: imports holdfast/internal/health of tier "ground"`)
	f("internal/files", "internal/s3api", "only lower tiers")
	f("internal/objects", "internal/blob/disk", "only lower tiers")
	f("internal/fault", "internal/cli", "only lower tiers")
	f("internal/files", "internal/pgtest", "for tests only")
	f("internal/files", "internal/util", "stands in no tier")
}

func TestEveryPackageHasItsPlaceAndEveryPlaceItsPackage(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range packages(t) {
		if strings.HasPrefix(place(p), "internal/") || strings.HasPrefix(place(p), "cmd/") {
			names = append(names, p.name())
		}
	}
	report(t, checkTable(names), "table")
}

// checkTable compares the packages that exist with the tables.
func checkTable(exist []string) []violation {
	var found []violation
	add := func(name, format string, args ...any) {
		found = append(found, violation{
			file: "internal/archtest/tiers.go", line: 1, rule: "table", symbol: name,
			what: fmt.Sprintf("package %s ", name) + fmt.Sprintf(format, args...),
		})
	}
	height, plan := floors(), planned()
	for _, name := range exist {
		_, known := height[name]
		switch {
		case !known && !slices.Contains(testOnly(), name):
			add(name, "stands in no tier: give it a place")
		case plan[name] != "":
			add(name, "is listed as planned with %q, but exists", plan[name])
		}
	}
	for name := range height {
		if plan[name] == "" && !slices.Contains(exist, name) {
			add(name, "has a place but does not exist")
		}
	}
	for _, name := range testOnly() {
		if !slices.Contains(exist, name) {
			add(name, "has a place but does not exist")
		}
	}
	for name := range plan {
		if _, known := height[name]; !known {
			add(name, "is planned but has no place")
		}
	}
	return found
}

func TestAPackageWithoutAPlaceOrAPlaceWithoutAPackageIsFound(t *testing.T) {
	t.Parallel()
	var all []string
	for name := range floors() {
		if planned()[name] == "" {
			all = append(all, name)
		}
	}
	all = append(all, testOnly()...)
	if got := checkTable(all); len(got) != 0 {
		t.Errorf("a complete tree: %v", got)
	}
	f := func(exist []string, want string) {
		t.Helper()
		if got := checkTable(exist); len(got) != 1 || !strings.Contains(got[0].what, want) {
			t.Errorf("%v; want %q alone", got, want)
		}
	}
	f(append([]string{"util"}, all...), "package util stands in no tier")
	f(append([]string{"backup"}, all...), "but exists")
	f(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == "link" }), "package link has a place but does not exist")
}
