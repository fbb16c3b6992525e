package certs

import "holdfast/internal/limit"

// Waits are the waits for certificates; keys are relative to the table [edge.acme].
func (c Config) Waits() limit.Waits {
	if !c.Enabled {
		return nil
	}
	return limit.Waits{
		limit.After("one answer of the authority", "", authorityTimeout, "tried again later"),
		limit.After("a certificate, from the order on", "", orderTimeout, "tried again later"),
		limit.After("what another process knows of a challenge", "", challengeWait, "404"),
	}.At("ACME")
}
