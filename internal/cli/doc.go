// Package cli is the command line of Holdfast: one file for each command, with its help text, its options and a function
// that runs it.
//
// # Rules
//
//   - Standard output is the answer, standard error the story: what was asked for goes to the first, everything else
//     (progress, remarks, errors) to the second.
//   - Every command that prints data takes --json. Fields are documented in docs/cli.md and only ever added. With --json
//     an error is a JSON object on standard error.
//   - Errors are printed in one place (report), as "holdfast: operation: cause" and the hint on a line of its own, and
//     turned into an exit code in one place (exitCode). The codes are a contract: "holdfast help exit-codes".
//   - Nothing means something by its colour alone, and there is no colour when standard output is not a terminal or
//     NO_COLOR is set.
//   - Help is written by hand, whole, and ends with an example. It is the only source of docs/cli.md. A test compares
//     the options that it names with those that exist.
//   - Commands about a live system talk to the daemon's control socket; only offline work opens files itself.
//
// The first SIGINT or SIGTERM cancels the context of the command, which then ends in order; a second one ends the process
// at once.
package cli

//go:generate go test -run ^TestTheReferenceOfCommandsIsFresh$ -update .
