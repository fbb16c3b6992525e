package gitrepo

import (
	"log/slog"
	"time"

	"holdfast/internal/secret"
)

// Options say which repository, and how to reach it.
type Options struct {
	Dir        string        // of the mirror, on a local disk; made if it is absent. Beside it may appear Dir.lock and Dir.broken
	URL        string        // ssh://user@host/path, user@host:path, https://host/path, or an absolute path on this machine
	KeyFile    string        // private key for ssh; none: only what needs no key
	KnownHosts string        // file with the server's keys for ssh; none: the machine's own, /etc/ssh/ssh_known_hosts
	Token      secret.String // password for https; the user is that of the URL, or any
	Stall      time.Duration // a fetch ends when nothing has moved for so long; 60 s when 0
	MaxBytes   int64         // of the mirror's objects, packed; unlimited when 0
	Git        string        // the program; "git" in PATH when empty
	Log        *slog.Logger  // none: nothing is logged
}

const defaultStall = time.Minute
