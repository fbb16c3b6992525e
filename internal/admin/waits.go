package admin

import "holdfast/internal/limit"

// Waits are the waits of administrators and load balancers; keys are relative to the table [admin].
func (c Config) Waits() limit.Waits {
	return limit.Waits{
		limit.After("load balancers that still send requests", "stop_notice", c.StopNotice.D(), "listeners closed").OrAtOnce().At("stop"),
		limit.After("requests under way when a new process takes over, and visitors who come meanwhile", "takeover_drain", c.TakeoverDrain.D(),
			"connection closed").OrAtOnce().At("takeover"),
		limit.After("the report of one part", "", patience, "the part is shown as not answering").At("status"),
	}
}
