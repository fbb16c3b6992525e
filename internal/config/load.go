package config

import (
	"cmp"
	"reflect"
	"slices"

	"holdfast/internal/fault"
	"holdfast/internal/fstype"
)

// Load reads the configuration at a path, a file or a directory of files, or None, with the overrides of an environment
// such as os.Environ returns. The error lists every mistake; see [fault.Problems].
func Load(path string, environ []string) (*Config, error) {
	return loader{network: networkOf}.load(path, environ)
}

// LoadFaulty is Load for those who only want to know a part of the configuration, as where a Holdfast that runs is reached: it returns what
// could be read beside the mistakes, which the caller has to judge. What a mistake is about is as it was written, or has its default.
func LoadFaulty(path string, environ []string) (*Config, fault.Problems, error) {
	return loader{network: networkOf}.read(path, environ)
}

// networkOf names the network file system that a path is on; "" for a local one.
func networkOf(path string) string {
	if kind, network := fstype.Of(path); network {
		return kind
	}
	return ""
}

// loader holds what tests replace.
type loader struct {
	network func(path string) string // name of the network file system that a path is on; "" for a local one
}

func (l loader) load(path string, environ []string) (*Config, error) {
	cfg, problems, err := l.read(path, environ)
	if err = cmp.Or(err, problems.Err()); err != nil {
		return nil, err
	}
	return cfg, nil
}

// read returns the configuration as far as it could be read, and its mistakes.
func (l loader) read(path string, environ []string) (*Config, fault.Problems, error) {
	dir, err := dirOf(path)
	if err != nil {
		return nil, nil, missing(path, err)
	}
	tree, files, problems, err := readTree(path)
	if err != nil {
		return nil, nil, err
	}
	tree.merge(overrides(environ))

	cfg := Default()
	d := decoder{
		known: schemaOf(reflect.TypeFor[Config]()), origins: map[string]Origin{}, problems: problems,
	}
	d.applyAliases(tree)
	d.applySQLAlchemy(tree)
	d.table("", tree, reflect.ValueOf(&cfg).Elem())
	d.ignoreDisabled(&cfg)
	d.readSecrets(dir)
	d.applyDatabaseURL(&cfg.Database.Config, environ)
	cfg.path, cfg.origins, cfg.secretFiles = path, d.origins, d.secretPaths(dir)
	cfg.complete(dir)
	d.judge(&cfg, dir, l.network)
	sortProblems(d.problems, files)
	return &cfg, d.problems, nil
}

// readTree reads and merges all files. A file that is not TOML is a mistake beside those of the others.
func readTree(path string) (*node, []string, fault.Problems, error) {
	root := newTable(Origin{})
	if path == None {
		return root, nil, nil, nil
	}
	files, err := filesOf(path)
	if err != nil {
		return nil, nil, nil, missing(path, err)
	}
	var problems fault.Problems
	if len(files) == 0 {
		problems.Add("syntax", "put holdfast.toml into it", "the directory %s holds no *.toml file", path)
	}
	for _, name := range files {
		text, err := readFile(name)
		if err != nil {
			return nil, nil, nil, missing(name, err)
		}
		tree, problem := parse(name, text)
		if problem != nil {
			problems = append(problems, *problem)
			continue
		}
		root.merge(tree)
	}
	return root, files, problems, nil
}

// sortProblems puts mistakes in the order in which the files are read, then those of the environment and of defaults.
func sortProblems(p fault.Problems, files []string) {
	rank := func(q fault.Problem) int {
		if i := slices.Index(files, q.File); i >= 0 {
			return i
		}
		return len(files)
	}
	slices.SortStableFunc(p, func(a, b fault.Problem) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Line, b.Line))
	})
}
