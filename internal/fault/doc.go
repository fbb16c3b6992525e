// Package fault is the one error shape of Holdfast that people and programs read.
//
// An ordinary error in this code base is the operation, then the cause ("open blob 3f…: no such file"), wrapped with
// %w and nothing more. An error that somebody outside can act on is a [*Error] somewhere in that chain. It adds
//
//   - a Kind: what sort of failure it is. The command line turns it into an exit code, HTTP into a status.
//   - a Code: a short stable name such as "disk_full" or "config_placeholder", documented, safe to match on.
//   - a Hint: one sentence that says what to do. It is printed on its own line and never holds a secret.
//
// A mistake in a setting is a [Problem]. Packages that own settings return all of them at once ([Problems]); package
// config adds file and line.
//
// This package stands below every other one and imports none of them.
package fault
