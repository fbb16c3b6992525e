package postgres

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
)

// logPrefix is the log_line_prefix that parseLine understands: pid, SQLSTATE, user, database.
const logPrefix = "%p|%e|%u|%d|"

// maxLogLine bounds a line of the server's log; the rest of a longer one is dropped.
const maxLogLine = 16 << 10

// serverLog turns the server's log into ours. It remembers the last complaint, which says why a server ended.
type serverLog struct {
	log *slog.Logger

	mu        sync.Mutex // protects the following
	complaint string
}

// logLine is one line of the server's log.
type logLine struct {
	pid                   int
	state, user, database string
	severity, message     string
}

// read logs every line until the log ends.
func (l *serverLog) read(r io.Reader) {
	lines := bufio.NewReaderSize(r, maxLogLine)
	for {
		text, long, err := lines.ReadLine()
		if line := strings.TrimRight(string(text), "\r"); line != "" {
			l.write(line)
		}
		for long && err == nil {
			_, long, err = lines.ReadLine()
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
				l.log.Warn("reading the log of PostgreSQL ended", "error", err)
			}
			return
		}
	}
}

func (l *serverLog) write(text string) {
	line, ok := parseLine(text)
	if !ok { // the next line of a message, or something that PostgreSQL's libraries said
		l.log.Debug("postgres: " + strings.TrimSpace(text))
		return
	}
	if line.severity == "FATAL" || line.severity == "PANIC" {
		l.mu.Lock()
		l.complaint = line.severity + ": " + line.message
		l.mu.Unlock()
	}
	attrs := []slog.Attr{slog.Int("pid", line.pid)}
	for _, a := range []struct{ key, value string }{{"sqlstate", line.state}, {"user", line.user}, {"database", line.database}} {
		if a.value != "" && a.value != "00000" {
			attrs = append(attrs, slog.String(a.key, a.value))
		}
	}
	l.log.LogAttrs(context.Background(), line.level(), "postgres: "+line.message, attrs...)
}

// lastComplaint returns the last fatal message, with ": " before it, or "".
func (l *serverLog) lastComplaint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.complaint == "" {
		return ""
	}
	return ": " + l.complaint
}

func (l *serverLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complaint = ""
}

// parseLine reads "pid|sqlstate|user|database|SEVERITY:  message".
func parseLine(text string) (logLine, bool) {
	parts := strings.SplitN(text, "|", 5)
	if len(parts) != 5 {
		return logLine{}, false
	}
	pid, err := strconv.Atoi(parts[0])
	severity, message, ok := strings.Cut(parts[4], ":  ")
	if err != nil || !ok {
		return logLine{}, false
	}
	line := logLine{pid: pid, state: parts[1], user: parts[2], database: parts[3], severity: severity, message: message}
	switch severity {
	case "DETAIL", "HINT", "CONTEXT", "QUERY", "LOCATION", "STATEMENT":
		line.message = strings.ToLower(severity) + ": " + message
	}
	return line, true
}

// level maps PostgreSQL's severities. What it calls LOG is its daily life, and an ERROR is mostly the application's: a
// constraint that was violated, a statement that was cancelled.
func (l logLine) level() slog.Level {
	switch l.severity {
	case "PANIC":
		return slog.LevelError
	case "FATAL", "WARNING":
		return slog.LevelWarn
	case "ERROR", "NOTICE", "INFO":
		return slog.LevelInfo
	case "LOG":
		if strings.Contains(l.message, "was terminated by signal") || strings.Contains(l.message, "automatic recovery in progress") {
			return slog.LevelWarn
		}
		if strings.Contains(l.message, "redo in progress") { // every 10 s of a long recovery, from PostgreSQL 15 on
			return slog.LevelInfo
		}
	}
	return slog.LevelDebug
}
