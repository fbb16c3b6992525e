package coursegen

// Kind is a sort of commit.
type Kind string

// The kinds that [Course.Commit] chooses among when none is named, with their share of an ordinary history.
const (
	Metadata     Kind = "metadata"      // 30 %: an assessment or the course's own JSON; no chunk changes
	OneQuestion  Kind = "one-question"  // 60 %: the text of one question
	TenQuestions Kind = "ten-questions" // 8 %
	CourseLevel  Kind = "course-level"  // 1 %: one file of serverFilesCourse, clientFilesCourse or elements
	Mass         Kind = "mass"          // 1 %: a third of all questions
)

// The kinds that happen only when they are named.
const (
	Add        Kind = "add"         // a new question
	Remove     Kind = "remove"      // a question goes
	Rename     Kind = "rename"      // a question gets another id, with the same content
	MoveInside Kind = "move-inside" // question a becomes a/inner
	FileToDir  Kind = "file-to-dir" // a file of clientFilesCourse becomes a directory of the same name, and back
	Revert     Kind = "revert"      // the tree of the commit before the last
	Empty      Kind = "empty"       // no change at all
	ForcePush  Kind = "force-push"  // the branch is rewritten: a commit without parent, with one question edited
)
