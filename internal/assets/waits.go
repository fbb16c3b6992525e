package assets

import "holdfast/internal/limit"

// Waits are the waits for assets; keys are relative to the table [static].
func (c Config) Waits() limit.Waits {
	if c.Root == "" {
		return nil
	}
	return limit.Waits{
		limit.After("another process that builds", "", lockPatience, "build refused").At("build"),
		limit.After("what the database knows of an unknown name", "", missTimeout, "404"),
		limit.After("what other nodes published", "", shareTimeout, "none: it goes on behind").At("start"),
	}.At("assets")
}
