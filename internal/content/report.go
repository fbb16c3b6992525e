package content

import (
	"time"

	"holdfast/internal/revision"
)

// Report is what one sync of a source did. It is kept with the revision, and told to whoever asked.
type Report struct {
	Source    string `json:"source"`
	Seq       int64  `json:"seq"`                // of the current revision after the sync
	Commit    string `json:"commit"`             // of that revision
	Previous  string `json:"previous,omitempty"` // commit that was current before
	Head      string `json:"head"`               // commit of the branch
	Author    string `json:"author,omitempty"`
	Subject   string `json:"subject,omitempty"`
	Published bool   `json:"published"` // a new revision was published; else there was nothing new
	// Rewritten says that the branch does not have the commit of the revision before among its ancestors any more: somebody pushed by
	// force, or the source names another branch or repository since.
	Rewritten bool `json:"rewritten,omitempty"`
	Forced    bool `json:"forced,omitempty"`

	// What the revision has that the one before had not, by keys of chunks (E-48).
	Changes  revision.Changes     `json:"changes"`
	Rejected []revision.Rejection `json:"rejected,omitempty"`
	Warned   []revision.Rejection `json:"warned,omitempty"` // what is odd, but breaks no rule

	Chunks   int       `json:"chunks"`             // of the revision
	Uploaded Amount    `json:"uploaded"`           // parts that the store did not have
	Reused   Amount    `json:"reused"`             // parts that it had
	Repaired int       `json:"repaired,omitempty"` // parts that the store had lost or damaged
	Took     Took      `json:"took_ms"`
	At       time.Time `json:"at"`
	Notes    []string  `json:"notes,omitempty"`
}

// Amount is a number of parts and the bytes of their packs.
type Amount struct {
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
}

func (a *Amount) add(packed int64) { a.Parts++; a.Bytes += packed }

// Took is how long the steps of a sync took, in milliseconds.
type Took struct {
	Fetch   float64 `json:"fetch"`
	Build   float64 `json:"build"`
	Upload  float64 `json:"upload"` // of parts, with packing, and of the index
	Publish float64 `json:"publish"`
	Tend    float64 `json:"tend"` // the mirror, after the publish
	Total   float64 `json:"total"`
}

// since returns the milliseconds that have passed.
func since(start time.Time) float64 { return float64(time.Since(start)) / float64(time.Millisecond) }
