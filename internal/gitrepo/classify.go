package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"syscall"

	"holdfast/internal/fault"
)

// symptom is how git, ssh, curl or a known server words a failure in the C locale.
type symptom struct {
	words *regexp.Regexp
	of    *fault.Error
	hint  string
}

// symptoms are tried in their order: one failure makes several lines, and the first cause counts.
var symptoms = symptomTable()

func symptomTable() []symptom {
	s := func(words string, of *fault.Error, hint string) symptom {
		return symptom{regexp.MustCompile("(?i)" + words), of, hint}
	}
	const (
		known = "compare the server's new key with what its operator publishes, then put it into the known_hosts file of the source"
		key   = "add the public half of the deploy key to the repository, with permission to read; see that key and user are those of the source, and that the key has no passphrase"
		token = "give the source a token that may read this repository; for some servers the URL must name its user"
	)
	return []symptom{
		{regexp.MustCompile(`No space left on device|Disk quota exceeded`), ErrDiskFull, "make room on the disk of paths.state, then sync again"},
		s(`REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed`, ErrHostKey, "the server's key is not the one in known_hosts: "+known),
		s(`No \S+ host key is known for|Host key verification failed`, ErrHostKey, "the server is not in known_hosts: "+known),
		s(`certificate verification failed|SSL certificate problem|certificate has expired|unable to get local issuer|certificate subject name`,
			ErrHostKey, "the server's certificate is not trusted here: install its authority's certificate on this machine, or correct the URL"),
		s(`UNPROTECTED PRIVATE KEY|bad permissions`, ErrDenied, "nobody else may read the key file: chmod 600 it"),
		s(`Load key ".*": (error in libcrypto|invalid format|incorrect passphrase)`, ErrDenied, "the key file is not a private key without passphrase: make one with ssh-keygen -t ed25519 -N ''"),
		s(`(no such identity|identity file .* not accessible)`, ErrDenied, "the key file does not exist or cannot be read"),
		s(`Permission denied \(|Too many authentication failures|No supported authentication methods`, ErrDenied, key),
		s(`Authentication failed for|could not read (Username|Password)|requested URL returned error: 40[13]|HTTP Basic: Access denied|Invalid username or (password|token)`, ErrDenied, token),
		s(`couldn't find remote ref`, ErrNoBranch, ""),
		s(`unable to update url base from redirection|requested URL returned error: 30\d`, ErrNotARepository, "the server sends us to another address: write that one into the source"),
		s(`does not appear to be a git repository|Repository not found|repository '.*' not found|project you were looking for|not valid: is this a git repository|requested URL returned error: 404|not a git repository`,
			ErrNotARepository, "see that the URL is right, and that key or token may read the repository: servers hide those that they do not show"),
		s(`Could not resolve host|Name or service not known|Temporary failure in name resolution|Connection (refused|timed out|reset|closed)|No route to host|Network is unreachable|kex_exchange_identification|Failed to connect|requested URL returned error: (5\d\d|429)|Operation timed out|Empty reply from server|Proxy|SSL_ERROR|gnutls_handshake|Recv failure|unexpected disconnect|early EOF|remote end hung up|banner exchange`,
			ErrUnreachable, "see that the server's name is right, that it runs, and that this machine may connect to it"),
	}
}

// explain turns a failed process that spoke with the remote into an error that somebody can act on.
func (r *Repo) explain(what string, err error) error {
	what = fmt.Sprintf("%s %s", what, r.remote.url)
	switch {
	case errors.Is(err, errStalled):
		return like(ErrUnreachable, "%s: nothing moved for %v", what, r.options.Stall).WithHint("see that the server is well; if it only thinks long, raise the time limit of the source")
	case errors.Is(err, errOutgrew):
		return like(ErrTooLarge, "%s: the repository needs more than %d bytes", what, r.options.MaxBytes).WithHint("raise the size limit of the source, or take large files out of the repository's history")
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, exec.ErrNotFound):
		return like(ErrNoGit, "%s: %w", what, err).WithHint("apt-get install git openssh-client")
	case errors.Is(err, syscall.ENOSPC):
		return like(ErrDiskFull, "%s: %w", what, err).WithHint("make room on the disk of paths.state")
	}
	said := ""
	if e := (*exitError)(nil); errors.As(err, &e) {
		said = e.stderr
	}
	if remoteCorrupt.MatchString(said) {
		return like(ErrRemoteCorrupt, "%s: %w", what, err).WithHint("run git fsck in the remote repository; the revision that is published stays")
	}
	for _, s := range symptoms {
		if s.words.MatchString(said) {
			return like(s.of, "%s: %w", what, err).WithHint("%s", s.hint)
		}
	}
	return like(ErrFailed, "%s: %w", what, err).WithHint("try the same by hand with git ls-remote; see the log for git's words")
}

// remoteCorrupt are words that a server has for its own damage, and git for objects that it refuses.
var remoteCorrupt = regexp.MustCompile(`(?i)possible repository corruption on the remote side|fsck error|in packed object: `)

// like returns an error of the sentinel's kind and code with words of its own.
func like(sentinel *fault.Error, format string, args ...any) *fault.Error {
	return fault.New(sentinel.Kind, sentinel.Code, format, args...)
}
