package content

import (
	"holdfast/internal/limit"
	"holdfast/internal/treecache"
)

// Waits are the waits for content; keys are relative to the table [content].
func (c Config) Waits() limit.Waits {
	if !c.On() {
		return nil
	}
	all := limit.Waits{
		limit.After("a statement on the tables of content", "", queryLimit, "503 unavailable"),
		limit.After("the index of a revision", "", loadLimit, "503 content_store_unavailable"),
		limit.After("the header of a request on the content socket", "", frontHeadTime, "connection closed"),
		limit.After("the removal of a part from the store", "", deleteLimit, "tried again later"),
	}
	if c.Sync {
		all = append(all, limit.After("progress of the git server", "fetch_stall", c.FetchStall.D(), "content_git_unreachable"))
	}
	for _, s := range c.Sources {
		if c.Sync && s.Hook != "" {
			all = append(all, limit.After("the hook of the application", "hook_timeout", c.HookTimeout.D(), "content_hook"))
			break
		}
	}
	return append(all, treecache.Waits()...).At("content")
}
