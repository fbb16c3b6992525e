package daemon

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/admin"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/web"
)

// predecessorTime bounds a question to a process that was taken over from.
const predecessorTime = 5 * time.Second

// CancelRequest is a cancel request of PostgreSQL's protocol, for a client that another process has.
type CancelRequest struct {
	PID uint32 `json:"pid"`
	Key []byte `json:"key"`
}

// CancelAnswer says whether the client is there.
type CancelAnswer struct {
	Known bool `json:"known"`
}

// Draining is how a process fares that was taken over from.
type Draining struct {
	PID     int `json:"pid"`
	Clients int `json:"clients"`
}

// drainingServer is what a process that was taken over from can be asked.
func (d *Daemon) drainingServer() *web.Server {
	pid, name := os.Getpid(), ""
	if d.again > 0 {
		name = fmt.Sprintf("-%d", d.again) // a process that was taken over from twice
	}
	mux := http.NewServeMux()
	mux.Handle("POST /v1/draining/cancel", control.Handle(func(_ context.Context, r CancelRequest) (CancelAnswer, error) {
		return CancelAnswer{d.pooler.Cancel(r.PID, r.Key)}, nil
	}))
	mux.Handle("POST /v1/draining/status", control.Handle(func(context.Context, control.Empty) (Draining, error) {
		return Draining{pid, d.pooler.Status().Clients}, nil
	}))
	mux.Handle("POST /v1/draining/leave", control.Handle(func(context.Context, control.Empty) (control.Empty, error) {
		d.leave()
		return control.Empty{}, nil
	}))
	return web.NewServer(web.Options{
		Name: "draining", Listen: "unix:" + filepath.Join(d.cfg.Paths.State, fmt.Sprintf("draining-%d%s.sock", pid, name)),
		Handler: mux, Log: d.log,
	})
}

// draining returns the sockets of the processes that this one, or one before it, took over from.
func (d *Daemon) draining() []string {
	all, _ := filepath.Glob(filepath.Join(d.cfg.Paths.State, "draining-*.sock")) // the pattern is good
	return all
}

// askDraining asks one of them. One that was killed has left its socket, which is removed.
func askDraining[A, Q any](ctx context.Context, socket, path string, question Q) (A, error) {
	c := control.NewClient(socket)
	defer c.Close()
	answer, err := control.Call[A](ctx, c, path, question)
	if fault.CodeOf(err) == "not_running" {
		_ = os.Remove(socket) // who cannot remove it asks again
	}
	return answer, err
}

// sweepDraining removes what processes left that were killed.
func (d *Daemon) sweepDraining(ctx context.Context) { d.drainingProcesses(ctx) }

// cancelElsewhere passes a cancel request on to those that were taken over from.
func (d *Daemon) cancelElsewhere(ctx context.Context, pid uint32, key []byte) bool {
	ctx, cancel := context.WithTimeout(ctx, predecessorTime)
	defer cancel()
	for _, socket := range d.draining() {
		answer, err := askDraining[CancelAnswer](ctx, socket, "/v1/draining/cancel", CancelRequest{pid, key})
		if err == nil && answer.Known {
			return true
		}
	}
	return false
}

// drainingProcesses asks all of them how they are.
func (d *Daemon) drainingProcesses(ctx context.Context) (all []Draining) {
	ctx, cancel := context.WithTimeout(ctx, predecessorTime)
	defer cancel()
	for _, socket := range d.draining() {
		if s, err := askDraining[Draining](ctx, socket, "/v1/draining/status", control.Empty{}); err == nil {
			all = append(all, s)
		}
	}
	return all
}

// drainingFacts are the processes before this one on the status page.
func (d *Daemon) drainingFacts(ctx context.Context) admin.Facts {
	var lines []string
	for _, s := range d.drainingProcesses(ctx) {
		lines = append(lines, fmt.Sprintf("process %d: %s", s.PID, count(int64(s.Clients), "client")))
	}
	if len(lines) == 0 {
		return nil
	}
	return admin.Facts{{Name: "draining", Value: lines}}
}

// dismiss ends those who linger with the processes before this one, which is told to end itself, and waits for it: whoever stops Holdfast
// means all of it.
func (d *Daemon) dismiss(ctx context.Context) {
	for _, socket := range d.draining() {
		_, err := askDraining[control.Empty](ctx, socket, "/v1/draining/leave", control.Empty{})
		for err == nil && ctx.Err() == nil {
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
			_, err = os.Stat(socket)
		}
	}
}
