package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// tailStep is how many bytes are read at a time when looking for the end of the last whole line.
const tailStep = 64 << 10

// recoverEnd makes the file end with a whole line. It returns the line that tells of it, or nil if nothing was wrong.
func recoverEnd(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tail, err := unfinished(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("read its end: %w", err)
	}
	if len(tail) == 0 {
		return nil, nil
	}
	if json.Valid(tail) { // only the end of the line is missing
		_, err := f.Write([]byte{'\n'})
		return nil, err
	}
	if err := f.Truncate(info.Size() - int64(len(tail))); err != nil {
		return nil, fmt.Errorf("cut off a torn line: %w", err)
	}
	return appendRecovered(nil, tail), nil
}

// unfinished returns what stands behind the last end of a line.
func unfinished(f io.ReaderAt, size int64) ([]byte, error) {
	var tail []byte
	for at := size; at > 0; {
		step := min(at, tailStep)
		at -= step
		part := make([]byte, step, step+int64(len(tail)))
		if _, err := f.ReadAt(part, at); err != nil {
			return nil, err
		}
		if i := bytes.LastIndexByte(part, '\n'); i >= 0 {
			return append(part[i+1:], tail...), nil
		}
		tail = append(part, tail...)
	}
	return tail, nil
}
