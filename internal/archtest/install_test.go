package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// implied are packages that every Debian has, or that come with others of the list.
func implied() []string {
	return []string{"dash", "e2fsprogs", "python3", "postgresql-client", "postgresql-contrib", "openssh-client"}
}

// What a test says is missing, with the line that installs it, is what make test installs before it.
func TestWhatTestsNeedIsInstalledBeforeThem(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile(filepath.Join(root, "scripts/packages.txt"))
	if err != nil {
		t.Fatal(err)
	}
	installed := slices.Concat(implied(), packagesFor(list, "run", "test"))
	var found []violation
	count := 0
	walk(t, func(path string, d fs.DirEntry) {
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			for _, name := range installs(line) {
				count++
				if !slices.Contains(installed, name) {
					found = append(found, violation{
						file: path, line: i + 1, rule: "install", symbol: name,
						what: "it has no line with the use run or test in scripts/packages.txt",
					})
				}
			}
		}
	})
	if count < 20 {
		t.Errorf("only %d lines that install something: they look otherwise now", count)
	}
	report(t, found, "install")
}

// installs returns the packages that a line of a test says are to be installed.
func installs(line string) []string {
	_, rest, ok := strings.Cut(line, "apt-get "+"install ")
	if !ok {
		return nil
	}
	rest = regexp.MustCompile("^[a-z0-9.+ -]*").FindString(rest)
	return strings.Fields(rest)
}

// packagesFor returns the packages of a list that have one of the uses.
func packagesFor(list []byte, uses ...string) (names []string) {
	for line := range strings.Lines(string(list)) {
		text, _, _ := strings.Cut(line, "#")
		if f := strings.Fields(text); len(f) == 2 && slices.Contains(uses, f[1]) {
			name, _, _ := strings.Cut(f[0], ":")
			names = append(names, name)
		}
	}
	return names
}
