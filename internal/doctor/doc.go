// Package doctor is the frame in which Holdfast looks at a site and says what is wrong with it.
//
// # Vocabulary
//
//   - Examination: one look at one matter, by a room that knows it: the configuration, the limits of all waits, what strangers can
//     fetch. It changes nothing, and ends when its context does.
//   - Finding: something that is not as it should be: what was seen, and what to do. It has the fields of a finding of the running
//     daemon (package health), and the name of its examination.
//   - Remark: something worth reading that is as somebody wanted it.
//
// # How a room adds its examination
//
// It offers a function that returns a [Result], and package cli adds an [Examination] to the list of "holdfast doctor". Neither the
// report nor its printing changes. Codes of findings are stable, as all codes of Holdfast are.
//
// # Failure
//
// An examination that cannot be made returns an error; it becomes a finding of the code examination_failed, and the others go on: a
// doctor who sees half says so.
package doctor
