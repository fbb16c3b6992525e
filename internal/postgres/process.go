package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	readyPoll = 5 * time.Millisecond
	// quitTime is how long a postmaster may take after SIGQUIT: it kills its children itself after 5 s.
	quitTime = 8 * time.Second
	// lastWords is how long we read on when the postmaster has ended.
	lastWords = 200 * time.Millisecond
)

// process is a postmaster that is our child.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended and its log is read to the end
	err    error         // how it ended; set before exited is closed
}

// onOneThread runs f, which starts a child and waits for its end, in a goroutine that keeps its thread: the kernel sends the
// parent-death signal when the thread that started the child ends, not only the process.
func onOneThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- f()
	}()
	return <-done
}

// spawn starts postgres under the account. Its log goes to read, which returns at the log's end.
func spawn(path string, args []string, a account, read func(io.Reader)) (*process, error) {
	log, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", environment(), w, w
	// A group of its own: Ctrl-C in a terminal reaches us alone, and we stop the server last.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT, Setpgid: true, Credential: a.credential()}
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error, 1)
	go p.attend(log, w, started, read)
	if err := <-started; err != nil {
		<-p.exited
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return p, nil
}

// attend starts the child and stays until its end and that of its log.
func (p *process) attend(log, w *os.File, started chan<- error, read func(io.Reader)) {
	defer close(p.exited)
	defer func() { _ = log.Close() }() // read to the end
	var reading sync.WaitGroup
	reading.Go(func() { read(log) })
	p.err = onOneThread(func() error {
		err := p.cmd.Start()
		_ = w.Close() // the child has its own
		started <- err
		if err != nil {
			return err
		}
		return p.cmd.Wait()
	})
	// A backend that outlives its postmaster holds the log open. What it says later is lost.
	_ = log.SetReadDeadline(time.Now().Add(lastWords))
	reading.Wait()
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// awaitReady waits until the server takes connections. Recovery after a crash may take minutes, so only ctx bounds it.
func (p *process) awaitReady(ctx context.Context, data string) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		if f := readPIDFile(data); f.pid == p.cmd.Process.Pid && f.ready {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return errors.New("postgres ended while it was starting")
		case <-ctx.Done():
			return fmt.Errorf("wait until postgres is ready: %w", context.Cause(ctx))
		}
	}
}

// end stops the server: a fast shutdown (clients are disconnected, a checkpoint is written), and when ctx ends before that is
// done an immediate one, from which the next start recovers.
func (p *process) end(ctx context.Context) error {
	if err := p.signal(syscall.SIGINT); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
	}
	return p.quit()
}

// quit stops the server at once.
func (p *process) quit() error {
	err := p.signal(syscall.SIGQUIT)
	timer := time.NewTimer(quitTime)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-timer.C:
		err = errors.Join(err, p.signal(syscall.SIGKILL))
		<-p.exited
	}
	return err
}

func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to postgres: %w", sig, err)
	}
	return nil
}

// pidFile is what postmaster.pid tells.
type pidFile struct {
	pid   int
	ready bool
}

// readPIDFile reads data/postmaster.pid; the zero value when there is none. Its lines are: pid, data directory, start time,
// port, socket directory, address, key of shared memory, status.
func readPIDFile(data string) pidFile {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return pidFile{}
	}
	lines := strings.Split(string(b), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 1 {
		return pidFile{}
	}
	return pidFile{pid: pid, ready: len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready"}
}
