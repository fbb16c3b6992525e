package cacheserver

import "holdfast/internal/limit"

// Waits are the waits at the cache's endpoint; keys are relative to the table [cache].
func (c Config) Waits() limit.Waits {
	if !c.Enabled {
		return nil
	}
	all := limit.Waits{
		limit.After("a log-in", "", loginTime, "connection closed"),
		limit.After("the rest of a command", "", commandTime, "connection closed"),
		limit.After("a client that takes nothing of its answers", "", writeTime, "connection closed"),
		limit.After("room among large commands", "", largeWait, "ERR too many large commands"),
	}
	if c.Redis != "" {
		all = append(all, limit.After("the other server, its log-in included", "", dialTime, "connection closed"))
	}
	return all.At("cache")
}
