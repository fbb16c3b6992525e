package treepack

// Mode is the mode of an entry as it stands in its tree; only zeros in front of it are lost. Old programs wrote modes
// such as 100664: Kind takes them for what git takes them for.
type Mode uint32

// The modes that git writes today.
const (
	ModeDir       Mode = 0o040000
	ModeFile      Mode = 0o100644
	ModeExec      Mode = 0o100755
	ModeLink      Mode = 0o120000
	ModeSubmodule Mode = 0o160000
)

// Kind is what an entry is.
type Kind uint8

// The kinds. Other is a mode that git does not know.
const (
	Other Kind = iota
	Dir
	File
	Exec
	Link
	Submodule
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	names := [...]string{"other", "directory", "file", "executable", "link", "submodule"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[Other]
}

// Kind returns what the mode stands for.
func (m Mode) Kind() Kind {
	switch m & 0o170000 {
	case ModeDir:
		return Dir
	case ModeLink:
		return Link
	case ModeSubmodule:
		return Submodule
	case 0o100000:
		if m&0o100 != 0 {
			return Exec
		}
		return File
	}
	return Other
}

// Canonical returns the mode that git writes today for the kind, or the mode itself for Other.
func (m Mode) Canonical() Mode {
	switch m.Kind() {
	case Dir:
		return ModeDir
	case File:
		return ModeFile
	case Exec:
		return ModeExec
	case Link:
		return ModeLink
	case Submodule:
		return ModeSubmodule
	}
	return m
}
