package gitrepo

import "holdfast/internal/fault"

// Sentinels for errors.Is; what is returned has the same code, and says more.
var (
	// ErrUnreachable: the server does not answer, or stopped answering.
	ErrUnreachable = fault.New(fault.Unavailable, "content_git_unreachable", "the git server does not answer")
	// ErrDenied: the server does not accept our key or token.
	ErrDenied = fault.New(fault.Denied, "content_git_denied", "the git server does not let us in")
	// ErrHostKey: the server cannot prove that it is the one we know.
	ErrHostKey = fault.New(fault.Denied, "content_git_host_key", "the git server's identity is not proven")
	// ErrNoBranch: the repository has no such branch, not any more, or no commit at all.
	ErrNoBranch = fault.New(fault.NotFound, "content_git_no_branch", "no such branch")
	// ErrNotARepository: there is no git repository at the address, or none that we are shown.
	ErrNotARepository = fault.New(fault.NotFound, "content_git_not_a_repository", "no git repository")
	// ErrTooLarge: the repository outgrows Options.MaxBytes.
	ErrTooLarge = fault.New(fault.Full, "content_git_too_large", "the repository is too large")
	// ErrDiskFull: no space is left for the mirror.
	ErrDiskFull = fault.New(fault.Full, "content_git_disk_full", "no space is left for the mirror")
	// ErrRemoteCorrupt: the server sends objects that git refuses, or lacks some itself.
	ErrRemoteCorrupt = fault.New(fault.Invalid, "content_git_remote_corrupt", "the remote repository is broken")
	// ErrMirrorCorrupt: the mirror cannot be read. The next Fetch examines it and clones it again.
	ErrMirrorCorrupt = fault.New(fault.Internal, "content_git_mirror_corrupt", "the mirror is broken")
	// ErrAmbiguous: several commits begin with the digits.
	ErrAmbiguous = fault.New(fault.Usage, "content_git_ambiguous", "several commits begin so")
	// ErrNoCommit: the mirror has no such commit.
	ErrNoCommit = fault.New(fault.NotFound, "content_git_no_commit", "no such commit")
	// ErrNoRoot: the commit has no directory at the path of the course's root.
	ErrNoRoot = fault.New(fault.NotFound, "content_git_no_root", "no such directory in the commit")
	// ErrAddress: a URL or branch that is not allowed.
	ErrAddress = fault.New(fault.Config, "content_git_address", "not an address that we use")
	// ErrNetworkDisk: the mirror's directory is on a network file system (C-06).
	ErrNetworkDisk = fault.New(fault.Config, "content_git_network_disk", "the mirror is on a network file system")
	// ErrNoGit: the git or ssh program is missing or too old.
	ErrNoGit = fault.New(fault.Config, "content_git_missing", "a program is missing")
	// ErrFailed: git failed in a way that none of the above names.
	ErrFailed = fault.New(fault.Internal, "content_git_failed", "git failed")
	// ErrClosed: the Objects were closed.
	ErrClosed = fault.New(fault.Interrupted, "content_git_closed", "the reader of the mirror is closed")
)
