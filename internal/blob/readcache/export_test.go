package readcache

import "time"

// SetPause sets how long a cache that could not be written is left alone.
func (c *Cache) SetPause(d time.Duration) { c.pause = d }
