package daemon

import (
	"holdfast/internal/config"
	"holdfast/internal/limit"
	"holdfast/internal/node"
)

// Waits lists everything that is waited for under a configuration: what its packages declare, and the daemon's own.
func Waits(c *config.Config) limit.Waits {
	return append(append(c.Waits(), node.Waits()...),
		limit.After("a turn on the store, of which so many operations are under way", "", storePatience, "503 store_busy, S3 SlowDown").At("files"),
		limit.After("requests under way", "", Drain, "connection closed").At("stop"),
		limit.After("the parts behind them", "", settle, "process ends").At("stop"),
		limit.After("the lock on the state directory", "", Drain+settle, "the new process ends, the old one goes on").At("takeover"),
		limit.After("the start in the place of a new process that failed", "", startAgainFor, "process ends").At("takeover"),
	)
}
