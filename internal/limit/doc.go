// Package limit is the shape in which every room says what is waited for in it, for how long at most, and what ends the wait.
//
// # Vocabulary
//
//   - Wait: something that a client, a visitor or a part of Holdfast waits for: a connection, a lock, an answer, room.
//   - Kind: how the wait ends. After a time or at a number of waiting ones (bounded), before it begins (at_once), by the limits of
//     its parts (by_parts), by a setting of another program (theirs), or never (endless).
//   - Key: the setting that says so; "" for one that nobody can set.
//
// # Who declares what
//
// The package that owns a setting or a constant declares the waits that it bounds, from the values in effect, in a function Waits.
// Keys are relative to the package's own table, as those of its Problems; package config puts the table before them. A test of
// package config walks all settings: a new duration is a limit that is declared here, or stands in a list of durations that are no
// waits, with the reason. So "holdfast doctor limits" is complete, or a test fails.
package limit
