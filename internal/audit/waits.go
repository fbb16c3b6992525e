package audit

import "holdfast/internal/limit"

// Waits are the waits for the record; keys are relative to [database.audit].
func (c Config) Waits() limit.Waits {
	if !c.Enabled || c.OnFull == Drop {
		return nil
	}
	return limit.Waits{
		limit.After("room in the record of who did what, when its disk takes no more", "on_full_wait", c.OnFullWait.D(), "audit_full, FATAL").
			OrAtOnce().At("statements of clients"),
	}
}
