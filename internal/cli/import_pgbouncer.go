package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/internal/pgbouncer"
)

const importPgBouncerHelp = `Print what PgBouncer's configuration says, in Holdfast's words.

Usage:
  holdfast import pgbouncer PATH [--json]

PATH is pgbouncer.ini. What it names is read too: included files, auth_file, auth_hba_file and auth_ident_file. Names of
files are taken relative to the directory of PATH. Nothing is written, and no server is asked.

Standard output is TOML: a file that can be put into the directory of the configuration. Standard error names each
setting that is not carried over, or not exactly, with its place and the reason, and what is left to do. Defaults of
PgBouncer that are not Holdfast's are written out. Passwords are not printed: the output names the file that each
belongs into.

Nobody may log in who could not before: a rule that cannot be said exactly is left out when it lets somebody in, and
said more strictly when it refuses.

With --json the fields are toml and remarks, a list of objects: setting, file, line, carried (it is in the output, but
something is different or left to do) and text.

EXIT STATUS
  0, or 4 when a file does not exist, 5 when it may not be read, 3 when it cannot be understood

EXAMPLE
  holdfast import pgbouncer /etc/pgbouncer/pgbouncer.ini > /etc/holdfast/pooler.toml
  holdfast import pgbouncer pgbouncer.ini --json | jq -r '.remarks[] | select(.carried | not) | .setting'
`

func newImportPgBouncer(a *app) *cobra.Command {
	return a.command("pgbouncer", "print PgBouncer's configuration in Holdfast's words", importPgBouncerHelp, 1, 1, func(_ *cobra.Command, args []string) error {
		result, err := pgbouncer.Import(args[0])
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		return a.data(result, func() {
			a.printf("%s", result.TOML)
			a.noteRemarks(result.Remarks)
		})
	})
}

// noteRemarks tells what is not in the output, and then what is but needs a look.
func (a *app) noteRemarks(remarks []pgbouncer.Remark) {
	for _, carried := range []bool{false, true} {
		title := "not carried over:"
		if carried {
			title = "carried over, but look at it:"
		}
		for _, r := range remarks {
			if r.Carried != carried {
				continue
			}
			if title != "" {
				a.notef("\n%s", title)
				title = ""
			}
			place := ""
			if r.Line > 0 {
				place = fmt.Sprintf("%s:%d: ", r.File, r.Line)
			}
			a.notef("  %s%s\n    → %s", place, r.Setting, r.Text)
		}
	}
}
