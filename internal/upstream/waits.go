package upstream

import "holdfast/internal/limit"

// Waits are the waits for one application's servers; keys are relative to the table of its settings.
func (c Config) Waits() limit.Waits {
	t := c.Timeouts
	return limit.Waits{
		limit.After("a server of the application that is up and has room", "timeouts.wait", t.Wait.D(), "503 app_busy, 503 app_down"),
		limit.Queue("requests that wait for a server", "max_waiting", int64(c.MaxWaiting), "503 app_busy"),
		limit.After("a connection to a server", "timeouts.connect", t.Connect.D(), "503 app_down"),
		limit.After("the beginning of the answer", "timeouts.header", t.Header.D(), "504 app_timeout"),
		limit.After("more of an answer that began", "timeouts.idle", t.Idle.D(), "connection closed"),
		limit.After("a whole GET, HEAD or OPTIONS", "timeouts.total", t.Total.D(), "504 app_timeout").OrParts("timeouts.idle"),
		limit.After("a check whether a server is up", "health.timeout", c.Health.Timeout.D(), "server down"),
		limit.After("a visitor that takes nothing of the answer", "", stall, "connection closed"),
	}
}
