package content

// The requests and answers of the producing half. The routes are in http.go.

// SyncRequest asks that a source is looked at now.
type SyncRequest struct {
	Source string `json:"source"`
	// Regenerate makes the index anew from the whole tree, verifies each part in the store, and publishes even if nothing changed.
	Regenerate bool `json:"regenerate,omitempty"`
	// Republish publishes even if nothing changed.
	Republish bool `json:"republish,omitempty"`
}

// GCRequest asks for a collection of the store.
type GCRequest struct {
	DryRun bool `json:"dry_run,omitempty"`
}

// GCReport says what a collection did, or would do.
type GCReport struct {
	DryRun    bool   `json:"dry_run,omitempty"`
	Dropped   int    `json:"dropped"`   // revisions whose time is over
	Forgotten int    `json:"forgotten"` // of those: index removed
	Doomed    Amount `json:"doomed"`    // parts that nothing refers to any more
	Revived   Amount `json:"revived"`   // parts that something refers to again
	Deleted   Amount `json:"deleted"`   // parts removed from the store
	Live      Amount `json:"live"`      // parts that stay
}

// ScrubRequest asks that stored parts are verified.
type ScrubRequest struct {
	Source string `json:"source,omitempty"` // of its current revision only
	Parts  int    `json:"parts,omitempty"`  // at most so many, those that were not looked at for longest; 0: all
	List   bool   `json:"list,omitempty"`   // compare the listing of the store with the tables, too
}

// ScrubReport says what was found.
type ScrubReport struct {
	Checked  Amount     `json:"checked"`
	Missing  int        `json:"missing"`
	Corrupt  int        `json:"corrupt"`
	Repaired int        `json:"repaired"`
	Strays   int        `json:"strays"` // blobs that no row names, removed
	Lost     []LostPart `json:"lost,omitempty"`
}

// LostPart is a part that could not be repaired.
type LostPart struct {
	Part   string `json:"part"`
	Reason string `json:"reason"`
}

// PurgeRequest asks that what must not be seen any more is removed everywhere: parts by their ids, or all parts that hold the
// content which a path of a source has or had in any revision that is kept.
type PurgeRequest struct {
	Parts  []string `json:"parts,omitempty"`
	Source string   `json:"source,omitempty"`
	Path   string   `json:"path,omitempty"`
	Reason string   `json:"reason"`
}

// PurgeReport says what was removed.
type PurgeReport struct {
	Parts   []string `json:"parts"`
	Sources []string `json:"sources,omitempty"` // whose current revision had one: they were published again without
	Chunks  []string `json:"chunks,omitempty"`  // "source:key" of what is absent now
}

// RepairRequest names parts that a consumer found missing or corrupt in the store.
type RepairRequest struct {
	Parts []string `json:"parts"`
}
