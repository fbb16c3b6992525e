package cli

import (
	"fmt"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/doctor"
	"holdfast/internal/health"
	waits "holdfast/internal/limit"
	"holdfast/internal/postgres"
)

// withoutEnd sorts the waits without an end: those that somebody wrote so are remarks, the others findings, one for each matter.
func withoutEnd(cfg *config.Config, answer limitsAnswer) (found []doctor.Finding, remarks []string) {
	matters := map[string][]limitRow{}
	var order []string
	for _, row := range answer.Limits {
		if row.Kind != string(waits.Endless) {
			continue
		}
		if row.written {
			remarks = append(remarks, fmt.Sprintf("%s (%s): no limit, written so in %s", row.Name, row.Where, row.Origin))
			continue
		}
		matter := row.By + " " + row.Name
		if row.By == "lock_timeout" { // the limit of a statement is one of its locks, too: one finding says so
			continue
		}
		if matters[matter] == nil {
			order = append(order, matter)
		}
		matters[matter] = append(matters[matter], row)
	}
	for _, m := range order {
		found = append(found, endlessFinding(cfg, matters[m]))
	}
	return found, remarks
}

// endlessFinding is about one matter at one or several places.
func endlessFinding(cfg *config.Config, rows []limitRow) doctor.Finding {
	first := rows[0]
	f := doctor.Finding{
		Code: "limit_endless", Subject: first.Key, Title: "Somebody may wait for ever", Severity: health.Warning,
		Text: fmt.Sprintf("no limit for %s: %s", first.Name, places(rows)), Hint: "set " + first.Key,
	}
	title, isServer := map[string]string{
		"statement_timeout":                   "A statement may run for ever, or wait for a lock",
		"idle_in_transaction_session_timeout": "A transaction may be left open for ever",
	}[first.By]
	if !isServer {
		return f
	}
	f.Subject, f.Title = first.By, title
	f.Text = fmt.Sprintf("%s of PostgreSQL is 0 for the role %s (%s), and nothing else bounds it: %s",
		first.By, cfg.Database.Username, strings.TrimPrefix(first.Origin, "PostgreSQL, "), places(rows))
	f.Hint = endlessHint(cfg, first.By, rows)
	return f
}

func places(rows []limitRow) string {
	var all []string
	for _, row := range rows {
		all = append(all, row.Where)
	}
	return strings.Join(all, ", ")
}

// endlessHint names the settings of the classes that would bound it.
func endlessHint(cfg *config.Config, setting string, rows []limitRow) string {
	const value = "30s"
	key := setting
	if setting == "idle_in_transaction_session_timeout" {
		key = "idle_in_transaction_timeout"
	}
	var tables []string
	classless := false
	for _, row := range rows {
		if class, ok := strings.CutPrefix(row.Where, "class "); ok {
			tables = append(tables, "[database.limits."+class+"]")
		} else {
			classless = true
		}
	}
	var hints []string
	if len(tables) > 0 {
		hints = append(hints, fmt.Sprintf("write %s = %q into %s", key, value, strings.Join(tables, " and ")))
	}
	if classless {
		hints = append(hints, fmt.Sprintf("give people a class (class = \"app\" in [[database.rules]]) and write %s = %q into [database.limits.app], or bound the role itself: ALTER ROLE %s SET %s = '%s'",
			key, value, cfg.Database.Username, setting, value))
	}
	return strings.Join(hints, "; ")
}

// severityOfSilence says how bad it is that PostgreSQL could not be asked: a private one that does not run yet is no wonder.
func severityOfSilence(cfg *config.Config) health.Severity {
	if cfg.Database.Mode == postgres.PrivateCluster {
		return health.Info
	}
	return health.Warning
}
