// Package audit writes who did what: one line of JSON for every statement and log-in, into a file that is only ever
// appended to. It also tells what sort of statement a text is ([Classify]) and which statements are the same but for
// their values ([Fingerprint]), without a parser of SQL.
//
// # Vocabulary
//
//   - Record: one line. Its person is whoever logged in, not the role that the server sees; Proven says whether the
//     log-in proved it or the client merely claimed it.
//   - Queue: encoded lines in memory that wait for the file.
//   - Group: the lines that go to the file with one write.
//
// # Guarantees
//
// A statement's text is recorded only where the settings say so, parameters never. What [Writer.Write] took reaches the
// file (the kernel) within 10 ms and the disk within the setting sync after that, so a killed process loses at most the
// last 10 ms and a machine that loses its power at most sync more; [Writer.Flush] waits for both. Lines of one writer
// stand in the order of Write.
//
// A group is written with one call to a file opened for appending, so that two processes, of which one is taking over
// from the other, may share it. A process that dies within a write can leave a torn last line. Whoever opens the file
// next, alone (flock tells), cuts it off and appends a record of event "recovered" that holds the torn bytes: after that
// the file is whole lines again, and nothing of the evidence is gone.
//
// # Failure
//
// When the disk is full or broken the writer tries again until it works, and says so in the health findings audit_write;
// meanwhile the queue fills. What happens at its limit is the setting on_full:
//
//   - "refuse": [Writer.Admit], which the caller asks before each statement, waits up to on_full_wait and then refuses.
//     What was admitted is always recorded, so memory is bounded by the queue and one line for each statement in flight.
//   - "drop": Admit lets everything pass; Write waits up to on_full_wait, then drops the line and counts it. Once a line
//     was dropped, the next ones are dropped at once until there is room, so that clients wait once and not each time.
//
// How many lines were lost is a record of its own (event "lost") at the place where they are missing, and the health
// finding audit_lost.
package audit
