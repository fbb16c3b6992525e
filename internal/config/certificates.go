package config

import "holdfast/internal/fault"

// certificateProblems finds what certificates by ACME need of other tables.
func (c *Config) certificateProblems() fault.Problems {
	var p fault.Problems
	if c.Edge.ACME.Enabled && c.Files.MasterKey.IsZero() {
		p.Add("edge.acme.enabled", "set files.master_key_file; holdfast init generates the key, and all machines need the same",
			"the private keys of certificates are encrypted under files.master_key, which is not set")
	}
	return p
}
