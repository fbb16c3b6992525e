package treecache

// WithBoot returns options for a machine with another boot id.
func WithBoot(o Options, id string) Options {
	o.bootID = id
	return o
}

// WithSteps returns options with a function that is called before each change on the disk, and may let it fail.
func WithSteps(o Options, before func(op, path string) error) Options {
	o.before = before
	return o
}

// Actual counts what is below the root of a running cache, as the ledger should have it.
func Actual(c *Cache) (bytes, inodes int64, err error) {
	u, err := c.live.Load().measure()
	return u.Bytes, u.Inodes, err
}

// Maintain does what happens each second.
func Maintain(c *Cache) {
	p := c.live.Load()
	p.maintain(p.life, 30)
}

// Abandon ends a cache as a killed process ends: locks go, and nothing is tidied.
func Abandon(c *Cache) {
	p := c.live.Swap(nil)
	p.closeLeases()
	p.lock.close()
	_ = p.ledger.file.Close()
}

// ObjectDir returns the directory with the files of the object that a chunk shows.
func ObjectDir(c *Cache, ch Chunk) string {
	return c.live.Load().objectPath(objectOf(&ch).name, treeName)
}

// PartFile returns the path of a file of the first part of a chunk.
func PartFile(c *Cache, ch Chunk, path string) string {
	return c.live.Load().objectPath(nameOf(ch.Pieces[0].Part), treeName, path)
}

// OpenAlone tells whether somebody has the file open.
func OpenAlone(path string) bool {
	f, err := (&process{}).openAlone(path)
	if err == nil {
		_ = f.Close()
	}
	return err == nil
}

// EvictChunk takes a chunk out of a view that nobody has leased.
func EvictChunk(c *Cache, v View, key string) {
	p := c.live.Load()
	if out, now := p.evictChunks(p.life, v, []string{MarkerName(key)}, false); !out || !now {
		panic("not evicted")
	}
}
