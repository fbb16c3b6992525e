package revision

import (
	"slices"
	"strings"
)

// join puts a path below a directory; "" is the root.
func join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}

// below reports whether a path lies in a directory, and is not the directory.
func below(path, dir string) bool {
	return path != dir && (dir == "" || len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir)
}

// within reports whether a path is a directory or lies in it.
func within(path, dir string) bool { return path == dir || below(path, dir) }

// parent returns the directory of a path; "" is the root.
func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// under returns the items of a list in the order of their paths that lie in the directory.
func under[T any](list []T, dir string, pathOf func(T) string) []T {
	if dir == "" {
		return list[sortedAfter(list, "", pathOf):]
	}
	// Everything in "a" begins with "a/", and "0" is the byte behind the slash.
	return list[sortedFrom(list, dir+"/", pathOf):sortedFrom(list, dir+"0", pathOf)]
}

func sortedFrom[T any](list []T, path string, pathOf func(T) string) int {
	i, _ := slices.BinarySearchFunc(list, path, func(t T, want string) int { return strings.Compare(pathOf(t), want) })
	return i
}

// sortedAfter skips the items of exactly that path.
func sortedAfter[T any](list []T, path string, pathOf func(T) string) int {
	i := sortedFrom(list, path, pathOf)
	for i < len(list) && pathOf(list[i]) == path {
		i++
	}
	return i
}

// liesIn reports whether one of the directories holds the path.
func liesIn(path string, dirs map[string]bool) bool {
	for path != "" {
		path = parent(path)
		if dirs[path] {
			return true
		}
	}
	return false
}
