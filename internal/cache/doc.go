// Package cache keeps values in memory within a bound of bytes.
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
package cache
