// Package coursegen makes git repositories with synthetic courses, for tests, for benchmarks and for the demo.
//
// [Generate] writes a course of any size in one go through git fast-import. Its shape is fitted to course repositories that
// were measured: three to four files and 2 to 5 KB for most questions, a log-normal tail of pictures and data up to 5 MB,
// ids of one to five levels, one percent of executables, links, names with spaces and beyond ASCII, empty files, and one
// serverFilesCourse directory with the bulk of the bytes. [Course.Commit] adds commits of the kinds that authors make, in
// the proportions in which they make them. [Demo] writes a small course that is pleasant to look at.
//
// # Layout
//
//	infoCourse.json
//	elements/<name>/…                    elementExtensions/<element>/<name>/…
//	clientFilesCourse/…                  serverFilesCourse/…
//	questions/<id of 1 to 5 levels>/     info.json question.html server.py, some with thumbnail.png, clientFilesQuestion/…, tests/…
//	courseInstances/<name>/              infoCourseInstance.json, clientFilesCourseInstance/…, serverFilesCourseInstance/…
//	courseInstances/<name>/assessments/<name>/    infoAssessment.json, clientFilesAssessment/…
//
// # Guarantees
//
// The same options make the same commit ids, and the same sequence of calls of [Course.Commit] after that the same history.
// The user's and the machine's git configuration has no influence. A Course is for one goroutine at a time; two Courses
// never share anything.
//
// # Oddities
//
// Each [Oddity] is one thing that a real repository may hold and that a reader must cope with: a submodule, a pointer of
// Git LFS, a link that leaves the course, a name that no file system likes. Each has a question directory of its own, so
// that a test can see that it harms no other. What must become of it is its [Effect].
package coursegen
