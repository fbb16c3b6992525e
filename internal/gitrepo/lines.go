package gitrepo

import (
	"bytes"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

const (
	keptLines = 12  // of what git said last
	maxLine   = 300 // bytes of one
)

// lines takes the standard error of git apart. Lines that end in a carriage return are progress: they are passed on and
// forgotten; the others are kept for the error.
type lines struct {
	each  func(string)
	moved atomic.Int64 // bytes so far

	partial []byte
	kept    []string
}

// Write takes some bytes.
func (l *lines) Write(p []byte) (int, error) {
	l.moved.Add(int64(len(p)))
	l.partial = append(l.partial, p...)
	for {
		i := bytes.IndexAny(l.partial, "\r\n")
		if i < 0 || i == len(l.partial)-1 && l.partial[i] == '\r' { // what follows tells which end it is
			if len(l.partial) > 4*maxLine { // no line at all: keep its beginning
				l.partial = l.partial[:maxLine]
			}
			return len(p), nil
		}
		rest := i + 1
		if l.partial[i] == '\r' && l.partial[rest] == '\n' { // ssh ends its lines with both
			rest++
		}
		l.take(l.partial[:i], l.partial[rest-1] == '\n')
		l.partial = l.partial[rest:]
	}
}

func (l *lines) take(raw []byte, keep bool) {
	line := printable(raw)
	if line == "" {
		return
	}
	if l.each != nil {
		l.each(line)
	}
	if keep && !isProgress(line) {
		l.kept = append(l.kept, line)
		l.kept = l.kept[max(0, len(l.kept)-keptLines):]
	}
}

// isProgress reports the last lines of progress, which end like any other line.
func isProgress(line string) bool {
	return strings.HasSuffix(line, "done.") || strings.HasPrefix(line, "remote: Total ")
}

// last returns the lines that were kept.
func (l *lines) last() string {
	l.take(l.partial, true)
	l.partial = nil
	return strings.Join(l.kept, "\n")
}

// printable returns a line as it may be shown: a server chooses its words, and may put codes for terminals among them.
func printable(raw []byte) string {
	raw = raw[:min(len(raw), maxLine)]
	s := strings.ToValidUTF8(string(raw), "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\t", " "))
	return strings.TrimSpace(s)
}
