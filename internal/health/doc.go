// Package health keeps what is wrong right now, in words for the people who run the site.
//
// # Vocabulary
//
//   - Condition: something that can be wrong, known beforehand: a stable code, a title, a severity, a hint.
//   - Finding: a condition that holds now, with a text that says what exactly was seen, and since when.
//   - Subject: what a condition is about, when it can hold of several things at once (a bucket, an upstream).
//
// Whoever notices sets the finding, again and again if it likes, and clears it when the matter is over: one call each,
// next to the code that noticed. Errors of background work end here instead of in a log line alone.
//
// # What is shown
//
// A condition with a delay is shown only once it has held that long, so that a hiccup alarms nobody. A finding that
// another one explains (CausedBy: "links cannot be revoked" by "the database is down") is hidden while that one holds,
// so that people see the cause and not its ten effects. Snapshot returns what is left, the worst and oldest first.
//
// A Registry is safe for concurrent use. It keeps no history and nothing survives a restart.
package health
