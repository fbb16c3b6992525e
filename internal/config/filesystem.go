package config

import "holdfast/internal/fault"

// fileSystemProblems keeps caches and a database's data off network file systems, where locks and small reads fail or
// crawl. Uploads are large, written once and read through us: they may live there, and get a note. The function names
// the file system of a path, or returns "" for a local one.
func (c *Config) fileSystemProblems(network func(path string) string) (wrong, notes fault.Problems) {
	const hint = "name a directory on a local disk"
	if fs := network(c.Paths.Cache); fs != "" {
		wrong.Add("paths.cache", hint, "%q is on %s, a network file system: a cache there is slower than none", c.Paths.Cache, fs)
	}
	switch fs := network(c.Paths.State); {
	case fs == "":
	case c.Database.Mode == "private":
		wrong.Add("paths.state", hint, "%q is on %s, a network file system: the data of the private PostgreSQL server may not be there",
			c.Paths.State, fs)
	case c.Content.On() && c.Content.Sync:
		wrong.Add("paths.state", hint+", or leave syncing to other machines with content.sync = false",
			"%q is on %s, a network file system: the mirrors of git repositories may not be there", c.Paths.State, fs)
	default:
		notes.Add("paths.state", hint, "%q is on %s, a network file system; each machine needs its own state directory", c.Paths.State, fs)
	}
	if fs := network(c.Media.Root); fs != "" && !c.Storage.S3.Enabled {
		notes.Add("media.root", "", "%q is on %s, a network file system: it works, with the speed and the durability of that server",
			c.Media.Root, fs)
	}
	return wrong, notes
}
