package pgauth

import (
	"fmt"
	"io"
	"os"
	"time"

	"holdfast/internal/fault"
)

// stamp tells versions of a file apart without reading it.
type stamp struct {
	modified time.Time
	size     int64
	inode    uint64
	mode     os.FileMode
}

// readUserlist reads a user file.
func readUserlist(path string) ([]listed, stamp, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, stamp{}, fileFault(fmt.Errorf("read users: %w", err))
	}
	defer f.Close()
	s, err := stampOf(f.Stat())
	if err != nil {
		return nil, stamp{}, fileFault(fmt.Errorf("read users: %w", err))
	}
	text, err := io.ReadAll(io.LimitReader(f, maxUserlist+1))
	if err != nil {
		return nil, s, fileFault(fmt.Errorf("read users of %s: %w", path, err))
	}
	if len(text) > maxUserlist {
		return nil, s, fileFault(fmt.Errorf("read users of %s: it is larger than %d bytes", path, maxUserlist))
	}
	users, err := parseUserlist(text)
	if err != nil {
		return nil, s, fileFault(fmt.Errorf("read users of %s:\n%w", path, err))
	}
	return users, s, nil
}

func fileFault(err error) error {
	return fault.New(fault.Config, fileCondition.Code, "%w", err).WithHint(`a line is: "user" "SCRAM-SHA-256$…"`)
}

func stampOf(info os.FileInfo, err error) (stamp, error) {
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.ModTime(), info.Size(), inodeOf(info), info.Mode()}, nil
}
