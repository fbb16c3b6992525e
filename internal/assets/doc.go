// Package assets serves the application's own files: stylesheets, scripts, fonts, pictures of the design.
//
// # Vocabulary
//
//   - Logical name: the path of an asset below static.root, as "css/main.css"; what templates and code say.
//   - Hashed name: the same with a digest of the content in it, as "css/main.3f2a9c01b7de.css"; what browsers are told.
//     A name that another tool hashed already (Vite, webpack, Django) is taken over as it is.
//   - Variant: an asset in one coding: as it is ("identity"), gzip, br, zstd. A coding is kept where it is smaller.
//   - Set: the output directory with everything that can be served, and the index that says what it is.
//   - Release: one state of static.root. Names of former releases stay in the set until static.keep has passed.
//
// # Building
//
// [Builder.Build] reads static.root and brings the set up to date: it rewrites what stylesheets and scripts refer to,
// names every file after its content, compresses, and writes what is missing. A name is a function of the content and of
// what that refers to, so the same release has the same names on every machine and nothing is ever stored twice.
//
//	root ──► scan ──► references ──► graph (cycles are named together) ──► names ──► files, variants
//	                                                                                   │
//	                                            index ◄── manifests ◄── plain names ◄──┘
//
// The order of writing makes a crash harmless: files under hashed names come first, all of them durable before anything
// points at them; then plain names and manifests, each replaced by rename; the index, by which Holdfast itself
// serves, last. Whoever dies in between leaves the old index and all files of the old set. Files are never changed in
// place.
//
// # Serving
//
// A running process holds the index in memory, with prebuilt header and, for files up to 64 KiB, the bytes: those from 16 KiB
// on in pages that the kernel sends without copying them (see resident.go). A request costs one look-up in a map. Neither
// the store nor the database is asked. See [Assets.Answer] for the part that knows no net/http.
//
// Hashed names are answered with a year and immutable; logical names with revalidation or what static.rules say; what does
// not exist with 404 and no-store.
//
// # Several nodes, and assets made at run time
//
// [Assets.Publish] stores an asset in the blob store, notes it in the table assets, and notifies: every node fetches it to
// its own disk and serves it from there. A node that is asked for a name it does not know looks once whether it missed
// something before it says 404, so that a URL works everywhere from the moment it was handed out. With static.share, the
// built files of each node go the same way, so that during a rolling deploy old and new nodes serve each other's names.
//
// # Failure
//
// A root that is not there or not readable fails the build, and the set that is there goes on being served. A reference
// that leads nowhere is left as it is and reported. A small file of the set that was damaged is not served: its digest
// is checked when it is loaded into memory, and the next build or start writes it anew. Of a large one the length is
// checked. Without database or store nothing can be published, and everything that this node has is served.
package assets
