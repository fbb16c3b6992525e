package audit

import "holdfast/internal/health"

// The findings of a writer.
var (
	auditWrite = health.Condition{
		Code: "audit_write", Title: "The audit stream cannot be written", Severity: health.Error,
		Hint: "look at the disk of database.audit.file: is it full, or read-only?",
	}
	auditRotate = health.Condition{
		Code: "audit_rotate", Title: "The audit file cannot be set aside", Severity: health.Warning,
		Hint: "Holdfast must be allowed to rename and make files in the directory of database.audit.file",
	}
	auditLost = health.Condition{
		Code: "audit_lost", Title: "Records of the audit stream were lost", Severity: health.Warning,
		Hint: `the stream tells where (event "lost"); the finding stays until Holdfast is started again`,
	}
)
