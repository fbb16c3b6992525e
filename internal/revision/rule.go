package revision

// Rule finds chunks of one kind in the tree of a course. It has a path, or it gathers.
type Rule struct {
	// Name begins the keys of the rule's chunks: "question".
	Name string `toml:"name"`
	// Path is the pattern of the directories that are chunks, from the root of the course. Its segments are literal,
	// hold "*" for any characters ("*.d"), or capture: {name} one segment, {name...} one or more. "." is the whole course.
	Path string `toml:"path"`
	// Marker are names of files: a directory is a chunk only if one of them lies directly in it, and of several such
	// directories in each other the topmost. Default none: every directory that the path names is a chunk.
	Marker []string `toml:"marker"`
	// Gather are patterns of files that make up one chunk, wherever they lie. Each keeps its path.
	Gather []string `toml:"gather"`
	// Requires are files that name other chunks which this one needs.
	Requires []Require `toml:"requires"`
	// Serve are patterns of files that browsers may have, from the directory of the chunk. Default none.
	Serve []string `toml:"serve"`
	// Whole lets views show the chunk as one symbolic link. Programs that walk out of it with ".." then leave the view, so
	// it is for few and big directories, not for many small ones. Default false.
	Whole bool `toml:"whole"`
}

// Require reads the names of needed chunks from a JSON file of a chunk.
type Require struct {
	// File is the path of the JSON file, from the directory of the chunk: "info.json".
	File string `toml:"file"`
	// Field is the member that holds a text or a list of texts; dots lead into objects: "workspace.template".
	Field string `toml:"field"`
	// Chunk is the key of the needed chunk, with {} for the text: "question:{}".
	Chunk string `toml:"chunk"`
}

// Preset says how the content of a source is divided.
type Preset struct {
	// Chunks are the rules. The order is of no importance.
	Chunks []Rule `toml:"chunks"`
	// Profiles are sets of chunks under a name, which callers ask for instead of single chunks: keys of chunks, with {} for
	// what the caller puts behind the name and a colon, or with "*" at the end for all that begin so.
	Profiles map[string][]string `toml:"profiles"`
}
