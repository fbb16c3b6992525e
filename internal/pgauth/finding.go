package pgauth

import "holdfast/internal/health"

// The findings of log-in.
var (
	fileCondition = health.Condition{
		Code: "auth_file", Title: "The user file cannot be read", Severity: health.Error,
		Hint: "mend the file of database.auth.file; until then the users it had before are let in",
	}
	plainCondition = health.Condition{
		Code: "auth_file_plain", Title: "The user file holds plain passwords", Severity: health.Warning,
		Hint: "replace them by verifiers, as PostgreSQL keeps them in pg_authid",
	}
	openCondition = health.Condition{
		Code: "auth_file_open", Title: "Everybody on this machine can read the user file", Severity: health.Warning,
		Hint: "chmod 0600 the file of database.auth.file",
	}
	trustCondition = health.Condition{
		Code: "auth_trust", Title: "Users of this machine log in without proof", Severity: health.Warning,
		Hint: `use the method peer or scram in place of trust in [[database.rules]]`,
	}
	queryCondition = health.Condition{
		Code: "auth_query", Title: "Users cannot be looked up", Severity: health.Error,
		Hint: "look at the database that is asked, and at database.auth.query",
	}
	ldapCondition = health.Condition{
		Code: "auth_ldap", Title: "The directory does not check passwords", Severity: health.Error,
		Hint: "look at the directory, and at [database.auth.ldap]",
	}
)
