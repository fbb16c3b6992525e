package httpcache

import "holdfast/internal/limit"

// Waits are the waits of visitors for the page cache; keys are relative to the table [edge.cache].
func (c Config) Waits() limit.Waits {
	if !c.Enabled {
		return nil
	}
	return limit.Waits{
		limit.After("an answer that another visitor asked for", "collapse_wait", c.CollapseWait.D(), "none: the application is asked").At("page cache"),
	}
}
