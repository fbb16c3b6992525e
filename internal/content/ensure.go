package content

import (
	"holdfast/internal/unit"
)

// Current is the revision of a request that means the newest one.
const Current = "current"

// How long a lease lives: until its holder closes the connection that asked for it, or for a time.
const (
	LeaseConnection = "connection"
	LeaseTTL        = "ttl"
	LeaseNone       = "none"
)

// EnsureRequest asks for a directory in which what is wanted of a revision lies, complete.
type EnsureRequest struct {
	// Source is the NAME of [content.sources.NAME].
	Source string `json:"source"`
	// Revision is "current" (the default), or a commit: all its digits, or enough of the first ones.
	Revision string `json:"revision,omitempty"`
	// Want are keys of chunks ("elements", "question:a/b") or profiles ("render:a/b", "page:questions", "file:PATH", "all").
	Want []string `json:"want"`
	// Lease says what keeps the files in place: "connection" (the default on the content socket), "ttl" (the default
	// elsewhere) or "none", for those who hold the lock of the directory themselves.
	Lease string `json:"lease,omitempty"`
	// TTL is the life of a lease of that kind. Default 10m, at most 24h.
	TTL unit.Duration `json:"ttl,omitempty"`
}

// EnsureAnswer is a directory whose content never changes.
type EnsureAnswer struct {
	Source   string `json:"source"`
	Revision string `json:"revision"` // the whole commit
	Seq      int64  `json:"seq"`
	// Dir has the layout of the course. Only what was wanted is promised to be there.
	Dir string `json:"dir"`
	// Chunks are the directories of what was wanted and of what that needs, below Dir, by their keys.
	Chunks map[string]string `json:"chunks"`
	// Absent are keys that were asked for, or that a chunk names which was, and that the revision does not have. That is an answer and
	// no error.
	Absent []string `json:"absent,omitempty"`
	// Lease names the lease for release and renew; empty with lease "none".
	Lease string `json:"lease,omitempty"`
	// URL is the path on the edge below which browsers find the files they may have; empty when the source serves none.
	URL string `json:"url,omitempty"`
	// Stale says that a newer revision may exist: the database or the store does not answer.
	Stale bool `json:"stale,omitempty"`
	// Cold are the chunks that were not in this directory yet; most of them are there by links, without a download.
	Cold []string `json:"cold,omitempty"`
	// Bytes that the call downloaded.
	Bytes    int64   `json:"bytes,omitempty"`
	WaitedMS float64 `json:"waited_ms"`
}

// LeaseRequest names a lease to release or to renew.
type LeaseRequest struct {
	Lease string        `json:"lease"`
	TTL   unit.Duration `json:"ttl,omitempty"` // renew: from now on
}

// LeaseAnswer says whether the lease was there.
type LeaseAnswer struct {
	Lease string `json:"lease"`
	Held  bool   `json:"held"`
}

// RevisionRequest asks which revision a name stands for.
type RevisionRequest struct {
	Source   string `json:"source"`
	Revision string `json:"revision,omitempty"`
}

// RevisionAnswer is a revision of a source.
type RevisionAnswer struct {
	Source   string `json:"source"`
	Seq      int64  `json:"seq"`
	Revision string `json:"revision"`
	Current  bool   `json:"current"`
	Stale    bool   `json:"stale,omitempty"`
}

// PrefetchRequest asks that chunks are fetched ahead of their use: all of a revision when none is named.
type PrefetchRequest struct {
	Source   string   `json:"source"`
	Revision string   `json:"revision,omitempty"`
	Want     []string `json:"want,omitempty"`
}

// PrefetchAnswer says what was put in place.
type PrefetchAnswer struct {
	Source   string  `json:"source"`
	Revision string  `json:"revision"`
	Chunks   int     `json:"chunks"`  // that are here now
	Fetched  int     `json:"fetched"` // of them, that were not in the directory of the revision before
	Bytes    int64   `json:"bytes"`   // downloaded
	TookMS   float64 `json:"took_ms"`
}

// URLRequest asks for the address under which browsers find a file.
type URLRequest struct {
	Source   string        `json:"source"`
	Revision string        `json:"revision,omitempty"`
	Path     string        `json:"path,omitempty"` // empty: of all files that are served
	TTL      unit.Duration `json:"ttl,omitempty"`  // of a signed address. Default 24h
}

// URLAnswer is that address.
type URLAnswer struct {
	URL  string `json:"url"`
	Path string `json:"path"` // the same without scheme and host
}
