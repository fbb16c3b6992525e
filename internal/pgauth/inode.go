package pgauth

import (
	"os"
	"syscall"
)

// inodeOf returns the number that a renamed file brings along.
func inodeOf(info os.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ino
	}
	return 0
}
