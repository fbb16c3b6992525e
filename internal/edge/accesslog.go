package edge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"sync"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/logging"
	"holdfast/internal/web"
)

const (
	// accessStdout stands for standard output in edge.access_log.
	accessStdout = "stdout"
	// flushEvery is how long a line may wait in memory.
	flushEvery = time.Second
)

// accessLine is a line of the access log. Times are in milliseconds.
type accessLine struct {
	Time   string   `json:"time"` // when the answer was over
	ID     string   `json:"id"`
	Peer   string   `json:"peer"`              // of the connection
	Addr   string   `json:"address,omitempty"` // the visitor's, if a trusted proxy told it
	Proto  string   `json:"proto,omitempty"`
	Host   string   `json:"host,omitempty"`
	Method string   `json:"method"`
	Path   string   `json:"path,omitempty"` // without the query; only of the application's requests
	Route  string   `json:"route"`
	Status int      `json:"status"`
	Bytes  int64    `json:"bytes"`
	Server string   `json:"server,omitempty"`
	Cache  string   `json:"cache,omitempty"` // what the page cache did
	Queue  *float64 `json:"queue_ms,omitempty"`
	App    *float64 `json:"app_ms,omitempty"`
	DB     *float64 `json:"db_ms,omitempty"`
	Total  float64  `json:"total_ms"`
}

// accessLog writes a line of JSON for each request. Lines are held back for a second at most. What cannot be written is
// told in the log, once for each failure in a row, and lost: visitors do not wait for a full disk.
type accessLog struct {
	log *slog.Logger

	mu     sync.Mutex // protects the following
	path   string     // "": no log
	file   io.WriteCloser
	out    *bufio.Writer
	flush  *time.Timer
	failed bool
}

func newAccessLog(log *slog.Logger) *accessLog { return &accessLog{log: log} }

// openAccessLog returns what the setting names; nil for no log.
func openAccessLog(path string) (io.WriteCloser, error) {
	switch path {
	case "":
		return nil, nil
	case accessStdout:
		return keptOpen{os.Stdout}, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		return nil, fault.New(fault.Config, "access_log", "open access log: %w", err).
			WithHint("make the directory of edge.access_log writable for the user that runs Holdfast")
	}
	return f, nil
}

// use goes on in a file that openAccessLog returned, and closes the last one.
func (a *accessLog) use(path string, file io.WriteCloser) error {
	err := a.close()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.path = path
	if file != nil {
		a.file, a.out = file, bufio.NewWriterSize(file, 64<<10)
	}
	return err
}

// open begins the file of a setting.
func (a *accessLog) open(path string) error {
	file, err := openAccessLog(path)
	if err != nil {
		return err
	}
	return a.use(path, file)
}

// keptOpen is a stream that is not ours to close.
type keptOpen struct{ io.Writer }

func (keptOpen) Close() error { return nil }

func (a *accessLog) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	if a.flush != nil {
		a.flush.Stop()
		a.flush = nil
	}
	err := errors.Join(a.out.Flush(), a.file.Close())
	a.file, a.out = nil, nil
	if err != nil {
		return fmt.Errorf("close access log: %w", err)
	}
	return nil
}

// reopen goes on in a new file of the same name.
func (a *accessLog) reopen() error {
	a.mu.Lock()
	path := a.path
	a.mu.Unlock()
	return a.open(path)
}

// on reports whether there is a log.
func (a *accessLog) on() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out != nil
}

// write adds a line.
func (a *accessLog) write(ctx context.Context, l web.Line) {
	if !a.on() {
		return
	}
	b, err := json.Marshal(lineOf(ctx, l))
	if err != nil {
		return // it holds text and numbers alone
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.out == nil {
		return
	}
	_, err = a.out.Write(append(b, '\n'))
	a.note(err)
	if a.flush == nil {
		a.flush = time.AfterFunc(flushEvery, a.flushNow)
	}
}

func (a *accessLog) flushNow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flush = nil
	if a.out != nil {
		a.note(a.out.Flush())
	}
}

// note tells of a failure, and tries again with an empty buffer: a bufio.Writer keeps its first error. Callers must hold mu.
func (a *accessLog) note(err error) {
	if err == nil {
		a.failed = false
		return
	}
	if !a.failed {
		a.log.Error("access log cannot be written, lines are lost", "error", err)
	}
	a.failed = true
	a.out.Reset(a.file)
}

func lineOf(ctx context.Context, l web.Line) accessLine {
	line := accessLine{
		Time: time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), ID: logging.RequestID(ctx), Peer: l.Peer, Method: l.Method, Route: l.Route,
		Status: l.Status, Bytes: l.Bytes, Total: milliseconds(l.Took),
	}
	v := visitOf(ctx)
	if v == nil { // answered in the lane
		return line
	}
	line.Host, line.Proto = v.host, v.Proto
	if v.Trusted {
		line.Addr = v.Addr.String()
	}
	if !v.app {
		return line
	}
	line.Path, line.Server, line.Cache = v.path, v.Trace.Server, v.cache
	queue, app := milliseconds(v.Trace.Queue), milliseconds(v.Trace.App)
	line.Queue, line.App = &queue, &app
	if v.Trace.DB > 0 {
		db := milliseconds(v.Trace.DB)
		line.DB = &db
	}
	return line
}

// milliseconds keeps three digits behind the point.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}
