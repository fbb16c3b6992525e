package revision

import (
	"sync/atomic"

	"holdfast/internal/treepack"
)

// Index lists what a revision consists of. Made by Build or Decode, it is not changed any more, and may be used by several
// goroutines; but before it is encoded or asked for anything, its parts are filled in, and chunks may be taken out.
type Index struct {
	Source string // filled in by the caller, as Seq and Commit
	Seq    int64  // number of the revision within its source
	Commit treepack.ID
	Root   treepack.ID // tree of the course
	Preset [32]byte    // digest of the rules, limits and policies that it was made under

	Chunks   []Chunk     // in the order of their keys
	Rejected []Rejection // chunks that break a rule, in the order of their paths
	Warned   []Rejection // what is odd, but breaks no rule
	Dirs     []Dir       // directories that hold chunks, in the order of their paths: they save work when unchanged

	table  atomic.Pointer[table]
	places map[treepack.PartID][]place // where parts stand, for Fill
}

// Chunk is a part of the course that is distributed as one.
type Chunk struct {
	Key  string // "elements", "question:mechanics/lever"
	Rule string
	Path string // of its directory, from the root of the course; "" for the root
	Tree treepack.ID
	// Pieces are the parts that it is stored as. A part whose SHA256 is zero has not been packed yet.
	Pieces   []treepack.Piece
	Whole    bool     // a view may show it as one symbolic link
	Kept     bool     // content of an earlier revision, because that of this one was rejected
	Requires []string // keys of chunks, and "file:PATH", that it needs besides
	Gathered []File   // the files of a chunk that was gathered, in the order of their paths; its tree is made of them
	Plain    int64    // bytes of its files
	Files    int32
}

// File is a file of a gathered chunk.
type File struct {
	Path string // from the root of the course
	Mode treepack.Mode
	ID   treepack.ID
	Size int64
}

// Dir is a directory in which chunks were looked for.
type Dir struct {
	Path   string
	Tree   treepack.ID
	Inside string // the chunks that it is or lies in, as the builder needs it
}

// Rejection says what is wrong with a chunk. Code is one of the codes of this package or of treepack.
type Rejection struct {
	Key    string `json:"key,omitempty"` // of the chunk; "" for a directory above chunks
	Dir    string `json:"dir"`           // of the chunk, from the root of the course, as Path
	Path   string `json:"path"`          // of the file or directory at fault
	Code   string `json:"code"`
	Reason string `json:"reason"`
	Kept   bool   `json:"kept,omitempty"` // the content of an earlier revision stays in its place
}
