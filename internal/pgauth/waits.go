package pgauth

import "holdfast/internal/limit"

// Waits are the waits of a log-in for those who know passwords; keys are relative to the table [database].
func (c Config) Waits() limit.Waits {
	var all limit.Waits
	if c.Auth.Query != "" || c.Auth.File != "" {
		all = append(all, limit.After("what the source of users knows of one", "", lookupLimit, "57P03").At("log-in"))
	}
	if len(c.Auth.LDAP.URLs) > 0 {
		all = append(all, limit.After("a server of the directory", "auth.ldap.timeout", c.Auth.LDAP.Timeout.D(), "57P03").At("log-in by ldap"))
	}
	return all
}
