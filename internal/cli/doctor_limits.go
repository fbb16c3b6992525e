package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/daemon"
	"holdfast/internal/doctor"
	waits "holdfast/internal/limit"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

const doctorLimitsHelp = `List everything that is waited for under this configuration: how long at most, which setting says so, which error ends it.

Usage:
  holdfast doctor limits [--json]

LIMIT is the longest wait in effect. "at once" means that nobody waits: the error comes immediately. "in parts" means that
the whole has no limit and each pause in it has the one of the setting behind it. "not ours" has the limit of the program
that is named. "never" is a wait without end: it is also a finding of holdfast doctor, unless somebody wrote it so. A limit
that is left to PostgreSQL is asked of the server for the application's role. SETTING "-" is fixed. ENDS IN is the error:
SQLSTATE, HTTP status or S3 code, and Holdfast's own code.

With --json the answer has limits (name, where, key, kind, limit, seconds, most, by, ends, origin), server (name, seconds,
source, place) and problem (why the server could not be asked). kind is "bounded", "at_once", "by_parts", "theirs" or
"endless"; seconds and most are numbers where there is one.

EXIT STATUS
  0, or 3 when the configuration is missing or wrong

EXAMPLE
  holdfast doctor limits --json | jq -r '.limits[] | select(.kind == "endless") | .name'
`

// limitRow is a wait as it is printed.
type limitRow struct {
	Name    string   `json:"name"`
	Where   string   `json:"where"`
	Key     string   `json:"key,omitempty"`
	Kind    string   `json:"kind"`
	Limit   string   `json:"limit"` // for people
	Seconds *float64 `json:"seconds,omitempty"`
	Most    int64    `json:"most,omitempty"`
	By      string   `json:"by,omitempty"`
	Ends    string   `json:"ends"`
	Origin  string   `json:"origin"` // "default", "fixed", "FILE:LINE", a variable, or where PostgreSQL has it from
	written bool     // somebody chose the value
}

// serverRow is a limit of PostgreSQL's own.
type serverRow struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // 0: none
	Source  string  `json:"source"`
	Place   string  `json:"place,omitempty"`
}

// limitsAnswer is the answer of "holdfast doctor limits --json".
type limitsAnswer struct {
	Limits  []limitRow  `json:"limits"`
	Server  []serverRow `json:"server"`
	Problem string      `json:"problem,omitempty"` // why PostgreSQL could not be asked
}

func newDoctorLimits(a *app) *cobra.Command {
	return a.command("limits", "list every wait and its limit", doctorLimitsHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		cfg, err := a.loadToExamine(nil)
		if err != nil {
			return err
		}
		answer := limitsOf(c.Context(), cfg)
		return a.data(answer, func() { a.printLimits(answer) })
	})
}

// limitsOf lists all waits, with what PostgreSQL says to those that are left to it.
func limitsOf(ctx context.Context, cfg *config.Config) limitsAnswer {
	answer := limitsAnswer{Limits: []limitRow{}, Server: []serverRow{}}
	server, err := serverLimits(ctx, cfg)
	if err != nil {
		answer.Problem = err.Error()
	}
	for _, l := range server {
		answer.Server = append(answer.Server, serverRow{l.Name, l.For.Seconds(), l.Source, l.Place})
	}
	bounded := map[string]bool{} // classes whose statements end
	for _, w := range daemon.Waits(cfg) {
		row := rowOf(cfg, w)
		if postgres.ServerDecides(w) {
			row = row.decided(server, bounded[w.Where])
		}
		if w.Ends == "57014" && row.Kind != string(waits.Endless) {
			bounded[w.Where] = row.Seconds != nil
		}
		answer.Limits = append(answer.Limits, row)
	}
	return answer
}

// serverLimits asks PostgreSQL for the limits that it has for the application's role.
func serverLimits(ctx context.Context, cfg *config.Config) ([]postgres.ServerLimit, error) {
	c := cfg.Database.Config
	if c.Mode == postgres.PrivateCluster {
		var err error
		if c, err = postgres.PrivateConfig(c, daemon.Place(cfg)); err != nil {
			return nil, err
		}
	}
	return postgres.ServerLimits(ctx, c)
}

func rowOf(cfg *config.Config, w waits.Wait) limitRow {
	row := limitRow{Name: w.Name, Where: w.Where, Key: w.Key, Kind: string(w.Kind), Most: w.Most, By: w.By, Ends: w.Ends, Origin: "fixed"}
	if w.Key != "" {
		o := cfg.Origin(w.Key)
		row.Origin, row.written = o.String(), o != (config.Origin{})
	}
	switch w.Kind {
	case waits.Bounded:
		row.bound(w.For, w.Most)
	case waits.AtOnce:
		row.Limit = "at once"
	case waits.ByParts:
		row.Limit = "in parts"
	case waits.Theirs:
		row.Limit = "not ours"
	case waits.Endless:
		row.Limit = "never"
	}
	return row
}

func (row *limitRow) bound(d time.Duration, most int64) {
	if most > 0 {
		row.Limit = strconv.FormatInt(most, 10)
		return
	}
	seconds := d.Seconds()
	row.Seconds, row.Limit = &seconds, unit.Duration(d).String()
}

// decided takes what the server says. A lock is waited for by a statement, which may have an end.
func (row limitRow) decided(server []postgres.ServerLimit, ends bool) limitRow {
	i := slices.IndexFunc(server, func(l postgres.ServerLimit) bool { return l.Name == row.By })
	if i < 0 {
		return row
	}
	l := server[i]
	row.Origin, row.written = "PostgreSQL, "+cmp.Or(l.Place, l.Source), l.Written()
	switch {
	case l.For > 0:
		row.bound(l.For, 0)
	case l.Name == "lock_timeout" && ends:
		row.Kind, row.Limit, row.By = string(waits.ByParts), "in parts", "statement_timeout"
	default:
		row.Kind, row.Limit = string(waits.Endless), "never"
	}
	return row
}

// examineLimits looks for waits without an end.
func (a *app) examineLimits(cfg *config.Config) doctor.Examination {
	return doctor.Examination{
		Name: "limits", About: "looking for waits without an end", Limit: 20 * time.Second,
		Examine: func(ctx context.Context) (doctor.Result, error) {
			answer := limitsOf(ctx, cfg)
			r := doctor.Result{Summary: fmt.Sprintf("%d waits", len(answer.Limits))}
			r.Findings, r.Remarks = withoutEnd(cfg, answer)
			switch n := len(r.Findings) + len(r.Remarks); {
			case n > 0:
				r.Summary += ", not all of them with an end"
			case answer.Problem == "":
				r.Summary += ", each with a limit"
			}
			if answer.Problem != "" {
				r.Findings = append(r.Findings, doctor.Finding{
					Code: "limits_unknown", Title: "PostgreSQL's own limits are not known", Text: answer.Problem, Severity: severityOfSilence(cfg),
					Hint: "classes without limits of their own have the server's: look again when it answers",
				})
			}
			return r, ctx.Err()
		},
	}
}

// printLimits prints the waits by the places where they apply.
func (a *app) printLimits(answer limitsAnswer) {
	width := [3]int{}
	places := map[string][]limitRow{}
	var order []string
	for _, row := range answer.Limits {
		for c, text := range row.cells() {
			width[c] = max(width[c], utf8.RuneCountInString(text))
		}
		if places[row.Where] == nil {
			order = append(order, row.Where)
		}
		places[row.Where] = append(places[row.Where], row)
	}
	head := [3]string{"LIMIT", "WHAT IS WAITED FOR", "SETTING"}
	line := func(cells [3]string, last string) {
		a.printf("  %-*s  %-*s  %-*s  %s\n", width[0], cells[0], width[1], cells[1], width[2], cells[2], last)
	}
	line(head, "ENDS IN")
	for _, where := range order {
		a.printf("\n%s\n", a.bold(where))
		for _, row := range places[where] {
			line(row.cells(), row.Ends)
		}
	}
	if answer.Problem != "" {
		a.storyf("\nPostgreSQL could not be asked for its own limits: %s", answer.Problem)
	}
}

func (row limitRow) cells() [3]string { return [3]string{row.Limit, row.Name, row.setting()} }

// setting says who decides: the setting's key, or another program's.
func (row limitRow) setting() string {
	switch {
	case row.Kind == string(waits.Theirs) && row.Seconds == nil, row.Kind == string(waits.ByParts):
		return strings.TrimPrefix(cmp.Or(row.Key, "-")+": "+row.By, "-: ")
	case strings.HasPrefix(row.Origin, "PostgreSQL"):
		return cmp.Or(row.Key, "-") + ": " + row.Origin
	}
	return cmp.Or(row.Key, "-")
}
