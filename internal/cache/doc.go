// Package cache keeps values within a bound of bytes: a [Memory] in memory, a [Disk] in files.
//
// A [Memory] holds entries of which each has a key, a value, a cost in bytes that its owner says, and perhaps a time at
// which it ends. The sum of all costs, with [Overhead] for each entry's own bookkeeping, never exceeds the bound, not even
// for a moment: room is made before an entry is taken, first from entries that have ended, then from those that were
// used longest ago. An entry that is larger than the whole bound is refused.
//
// Entries end to the microsecond: one that has ended is never returned, whether its memory was reclaimed yet
// or not. [Memory.Sweep] reclaims it; every Set does a little of that, too.
//
// Misses are counted by reason. For that a Memory remembers, as hashes, the latest keys that it evicted or that ended.
//
// A Memory is safe for use by several goroutines; it has one lock, held for short.
//
// # Disk
//
// A [Disk] keeps each entry in a file of its own: the content, behind it the entry's key and what its owner says about it, and at
// the end a footer with lengths and checksums. A file is written under a temporary name and gets its name, made of the key's digest, by rename:
// whoever looks, also after kill -9, finds it as a whole or not at all. Nothing is synced, because what is lost can be had again; after power
// loss the checksums tell what is damaged. What is said about an entry is changed by a further record and footer behind
// the others, so the content stays where it is and readers of it are not disturbed.
//
// The index is in memory: keys, tags, sizes and ends, about 300 bytes an entry. It is made of the files' ends when the Disk is opened; files
// that are not whole are removed then. The content of entries from before is checked when it is first read.
//
// Room is made before it is taken, from entries that were used longest ago: within the bound of bytes, that of entries, and as much as is to
// stay free on the file system. The order of use survives a restart to within ten minutes. A reader keeps what it has opened although the entry goes.
//
// Only one process may use a directory; a lock sees to it. Network file systems are refused (C-06), if the owner can tell them.
package cache
