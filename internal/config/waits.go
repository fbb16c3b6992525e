package config

import (
	"slices"

	"holdfast/internal/limit"
	"holdfast/internal/objects"
)

// Waits lists what is waited for under this configuration, each with its limit; keys are whole. What package daemon waits for
// besides is in its own Waits.
func (c *Config) Waits() limit.Waits {
	store := c.Media.Waits().Under("media")
	if c.Storage.S3.Enabled {
		store = c.Storage.S3.Waits().Under(s3Table)
	}
	return slices.Concat(
		c.Edge.Waits().Under("edge"),
		c.Database.Pooling.Waits(c.Database.Config).Under("database"),
		c.Database.Config.Waits().Under("database"),
		c.S3.Waits().Under("s3"), objects.Waits(), store,
		c.Static.Waits().Under("static"),
		c.Content.Waits().Under("content"),
		c.Cache.Waits().Under("cache"),
		c.Admin.Waits().Under("admin"),
	)
}
