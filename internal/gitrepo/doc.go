// Package gitrepo reads a git repository through the git program: it keeps a bare mirror on a local disk, fetches one branch
// into it, and reads objects from it through processes that stay.
//
// # Vocabulary
//
// The remote is the repository that authors push to; the mirror is our copy of it. The fetched commit is what the branch
// pointed at when it was fetched last. A kept commit is the one of a published revision: a ref of its own holds it, so that
// neither a force push nor git's own cleaning takes the objects away that a repair may need.
//
// # Guarantees
//
//   - Nothing of the user's or the machine's git and ssh configuration, of the environment, or of what an author may commit has
//     influence: no hooks, no filters, no prompts, no submodules, no lazily fetched objects. There is never a working tree.
//   - Only ssh, https, local paths, and http to this very machine are spoken; not git://, not a helper such as ext::. No part of a
//     URL or of a branch's name can become an option.
//   - ssh proves the server with the given known_hosts and logs in with the given key alone. A token goes to the server of the URL
//     alone, never into the arguments of a process, a log or the mirror.
//   - No step waits for ever: a fetch ends when nothing has moved for Options.Stall, or when the mirror outgrows Options.MaxBytes.
//   - Several processes may use one mirror: those that change it wait for each other by a lock that the git processes inherit, so
//     that what a killed process left behind still counts.
//   - After Close of a Repo's Objects no process and no goroutine of them is left; after Rest none of its Reader that nobody uses.
//
// # Failure
//
// Errors are [*fault.Error] with the codes of errors.go, each with a hint. A fetch that fails leaves the fetched commit as it
// was. What a kill left behind (locks, half a pack) is removed before the next change.
//
// The mirror holds nothing that the remote does not have, but for kept commits of rewritten branches. So what is broken in it is not
// mended: it is renamed to <Dir>.broken, and the remote is cloned again; kept commits are taken over from the broken one as far as they
// can be read. A mirror is under suspicion after an object was missing or unreadable; the next Fetch then examines it.
// A Repo that is opened is examined by its first Fetch, and once an hour; in between, a Fetch looks for the objects that are new.
package gitrepo
