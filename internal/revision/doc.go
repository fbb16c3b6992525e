// Package revision says what a revision of a course consists of: which directories of a git tree are distributed as one,
// what they need, and which of their files a browser may have. It reads objects through a [treepack.Source] and knows
// neither git nor the store nor a file system.
//
// # Vocabulary
//
// A preset is a list of rules, data from the configuration. A rule names directories ("questions/{id...}" with the
// marker "info.json") or gathers files from many places ("questions/{id...}/thumbnail.png"). What a rule finds in a tree is
// a chunk; its key is the rule's name and what the pattern captured ("question:mechanics/lever"). A chunk is stored as
// parts ([treepack.Plan]). The index lists the chunks of one revision; it is signed, and it is all that a consumer needs to
// know. A profile is a named set of chunks ("render:mechanics/lever"); its closure adds what those chunks require.
//
// # Guarantees
//
//   - An index is made from the full state of a tree, never from a difference between commits. The index of the revision
//     before only saves work: with it and without it the same chunks come out. A chunk that is not in the index is absent.
//   - Work is proportional to the trees that are new. A directory or chunk whose tree id stood at the same path in the
//     index before is taken over unread, with the sums of its parts. A tree that only moved is read, but keeps its parts.
//   - Every chunk stands alone: what breaks a rule becomes a [Rejection] with path, code and reason, and the others go on.
//     A rejected chunk keeps the content that it had in the index before ([Chunk.Kept]), unless another chunk now lies in
//     or above its directory, or it is gone from the tree: then it is absent.
//   - Every symbolic link of an accepted chunk stays inside the chunk, or inside the course where the policy says so,
//     however it is followed.
//   - An index that [Decode] accepted was signed as it is, lists each chunk once and in order, and encodes to the same
//     plain bytes again.
//
// # Failure
//
// [Build] fails as a whole only if objects cannot be read for another reason than that they are missing, or if the root
// tree itself is missing or malformed. Then nothing is published and the current revision stays. An intermediate directory
// that cannot be read is reported, and the chunks below it are kept.
//
// Rules and the format of an index are versioned together: [Preset.digest] covers the rules, the limits and the policies,
// and an index made under another digest gives away sums of parts but no verdicts.
package revision
