// Package archtest checks that the tree keeps its own rules: who may import whom, how large things may grow, and what
// must not appear. It holds data and tests; nothing imports it.
//
// # Rules
//
//   - tier: a package imports only packages of lower tiers ([tiers]); code that ships imports no test-only package.
//   - table: every package under internal/ and cmd/ stands in the table, and what stands there exists or is planned.
//   - doc: every package has exactly one package comment.
//   - file, func, interface: at most 400 lines, 60 lines, 5 methods.
//   - init, state: no init function; no package-level variable that is, or could be, changed.
//   - exit, print: os.Exit and log.Fatal only in cmd; fmt.Print only in cli and in programs.
//   - sleep, skip: no time.Sleep in tests but in the fake time of testing/synctest; no skipped test.
//   - leak: no path or host of somebody's own machine in any file.
//   - binary: holdfast depends on no testing library.
//   - dependency: docs/dependencies.md gives a reason for every module that is imported, and for no other.
//
// An exception stands in [exceptions] with its reason. One that is not needed any more fails, too.
//
// A failure reads "file:line: rule: what". Each rule has a test of its own on a sample that breaks it.
package archtest
