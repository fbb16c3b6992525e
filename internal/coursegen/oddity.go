package coursegen

import (
	"maps"
	"path"
	"slices"
)

// Oddity is the name of one thing that a reader of repositories must cope with.
type Oddity string

// Effect says what becomes of an oddity's question when every policy has its strict default.
type Effect uint8

// The effects.
const (
	Fine        Effect = iota // it is unusual but right: it is distributed like any other
	Warned                    // it is distributed, and its author should hear of it
	Rejected                  // its chunk is rejected, every other one goes on
	Absent                    // it is no question at all, and there is nothing to distribute
	Unfetchable               // git itself refuses to fetch the repository
)

// String returns the effect in lower case.
func (e Effect) String() string {
	return [...]string{"fine", "warned", "rejected", "absent", "unfetchable"}[e]
}

// The oddities, by effect.
const (
	Executable    Oddity = "executable"     // a file that may be executed
	EmptyFile     Oddity = "empty-file"     // files without bytes, as __init__.py
	NameSpaces    Oddity = "name-spaces"    // spaces in the middle and at both ends
	NameQuotes    Oddity = "name-quotes"    // quotes, backslash, tab and newline: names that git quotes without -z
	NameBytes     Oddity = "name-bytes"     // a name that is not UTF-8
	NameNonASCII  Oddity = "name-non-ascii" // letters beyond ASCII
	LinkInside    Oddity = "link-inside"    // a link with ".." in it that stays inside the question
	LinkDangling  Oddity = "link-dangling"  // a link inside the question to nothing
	LegacyModes   Oddity = "legacy-modes"   // mode 100664, and a directory's mode with a zero before it
	TemplateCycle Oddity = "template-cycle" // this question and template-cycle-other are each other's template

	Attributes       Oddity = "attributes"        // .gitattributes with export-ignore, export-subst, eol, ident and a filter
	BrokenInfo       Oddity = "broken-info"       // an info.json that is no JSON
	CaseCollision    Oddity = "case-collision"    // two names that differ in case alone
	UnicodeCollision Oddity = "unicode-collision" // two names that differ in Unicode normalisation alone
	NestedQuestion   Oddity = "nested-question"   // a question within the directory of another

	Submodule    Oddity = "submodule"     // mode 160000
	LFSPointer   Oddity = "lfs-pointer"   // a pointer of Git LFS in place of a file
	LinkCourse   Oddity = "link-course"   // a link that leaves the question, but not the course
	LinkEscape   Oddity = "link-escape"   // a link that leaves the course
	LinkAbsolute Oddity = "link-absolute" // a link to an absolute path
	LinkChain    Oddity = "link-chain"    // a link that leaves the course through another that is harmless alone
	NameDotGit   Oddity = "name-dotgit"   // .git
	NameNTFS     Oddity = "name-ntfs"     // git~1, which Windows takes for .git
	NameHFS      Oddity = "name-hfs"      // .git with a zero-width character, which macOS takes for .git
	NameDot      Oddity = "name-dot"      // .
	NameDotDot   Oddity = "name-dotdot"   // ..
	NameSlash    Oddity = "name-slash"    // ../../escaped in one name
	NameLong     Oddity = "name-long"     // 300 bytes
	Deep         Oddity = "deep"          // Options.Depth directories within each other
	BigFile      Oddity = "big-file"      // one file of Options.BigBytes random bytes
	Bomb         Oddity = "bomb"          // one file of Options.BigBytes zeros
	ManyFiles    Oddity = "many-files"    // Options.ManyFiles files

	LinkChunk Oddity = "link-chunk" // a link in place of a question's directory
	FileChunk Oddity = "file-chunk" // a file in place of a question's directory

	DuplicateEntry Oddity = "duplicate-entry" // a tree with one name twice
	UnsortedTree   Oddity = "unsorted-tree"   // a tree out of order
	MissingBlob    Oddity = "missing-blob"    // a file whose content the repository lacks
)

// effects has all oddities.
func effects() map[Oddity]Effect {
	all := map[Oddity]Effect{}
	set := func(e Effect, some ...Oddity) {
		for _, o := range some {
			all[o] = e
		}
	}
	set(Fine, Executable, EmptyFile, NameSpaces, NameQuotes, NameBytes, NameNonASCII, LinkInside, LinkDangling, LegacyModes, TemplateCycle)
	set(Warned, Attributes, BrokenInfo, CaseCollision, UnicodeCollision, NestedQuestion)
	set(Rejected, Submodule, LFSPointer, LinkCourse, LinkEscape, LinkAbsolute, LinkChain,
		NameDotGit, NameNTFS, NameHFS, NameDot, NameDotDot, NameSlash, NameLong, Deep, BigFile, Bomb, ManyFiles)
	set(Absent, LinkChunk, FileChunk)
	set(Unfetchable, DuplicateEntry, UnsortedTree, MissingBlob)
	return all
}

// Effect returns what must become of the oddity. Deep, BigFile, Bomb and ManyFiles are rejected only by limits that are below
// their sizes.
func (o Oddity) Effect() Effect { return effects()[o] }

// Question returns the id of the question that holds the oddity.
func (o Oddity) Question() string { return "odd/" + string(o) }

// Path returns the directory of that question below the root of the course.
func (o Oddity) Path() string { return path.Join("questions", o.Question()) }

// Oddities returns all that can be fetched, in the order of their names.
func Oddities() []Oddity { return having(func(e Effect) bool { return e != Unfetchable }) }

// UnfetchableOddities returns those with which no fetch succeeds.
func UnfetchableOddities() []Oddity { return having(func(e Effect) bool { return e == Unfetchable }) }

func having(wanted func(Effect) bool) []Oddity {
	all := effects()
	return slices.Sorted(func(yield func(Oddity) bool) {
		for o := range maps.Keys(all) {
			if wanted(all[o]) && !yield(o) {
				return
			}
		}
	})
}
