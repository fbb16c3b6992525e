// Package treepack names, splits, packs and unpacks trees of git objects: bytes in and bytes out, no process, no
// network, and no file except in [VerifyDir]. It is what the content engine stores, sends and trusts.
//
// # Vocabulary
//
//   - Format: the hash of a repository, SHA-1 or SHA-256. Nothing here assumes 20 bytes.
//   - Tree, blob: git objects; an [ID] is the hash of one. A [Source] gives objects by their ids.
//   - Chunk: a tree that is wanted as a whole, for example the directory of one question.
//   - Part: what is stored and fetched. A chunk above [Limits].Part is several parts, so that a change of one file
//     of a large directory moves that part alone. A part is a whole tree ('t'), the files that lie directly in a tree
//     ('f'), or one big blob ('b').
//   - Plain stream: the objects of a part in a fixed order. Its bytes follow from the part alone: every machine makes
//     the same.
//   - Pack: the plain stream in zstd, with a checksum behind it. Its bytes may differ between versions of the
//     compressor; therefore only the plain stream has a name.
//
// # Plain stream
//
// A head of eight bytes; then each object with its kind and length before it; then an end mark. First the raw tree of
// the part, then for each of its entries, in the tree's order, the blob, or the sub-tree with all that is below it.
// There are no names, times, owners or modes but those in the raw trees: a path that leaves, a hard link or a set-uid
// file cannot be expressed. docs/formats.md has it byte by byte, with vectors.
//
// # Trust
//
// [Unpack] believes nothing. The first object must hash to the id that was asked for, and each further one to the id
// that its parent names, before it is used; the last byte of a file is given to the [Sink] only when its blob is right.
// SHA-1 alone would not do, because collisions can be made: the SHA-256 of the plain stream, which comes from a signed
// index, must match as well, and with it the plain size and the count of files. Nothing may become visible before
// Unpack returned nil. What has been unpacked can be proven again from its directory, without the pack: [VerifyDir].
//
// # Old trees
//
// Trees made by old or odd programs have modes such as 100664, or with zeros in front, which no directory can hold. So
// that their ids can be computed again, the sink is asked to keep the raw bytes of such trees ([Sink].Keep, [Kept]).
//
// # What is refused
//
// Trees out of order, with duplicates or with names that [CheckName] refuses, modes that are no file, link, directory
// or submodule, anything above the limits. Submodules are not content: they are passed over. Whoever builds revisions
// decides whether a chunk may have one.
//
// # Cost
//
// Memory does not grow with blobs: they pass through buffers of fixed size. A tree is held whole while its
// entries are worked on, at most [MaxTree] bytes on each level.
package treepack
