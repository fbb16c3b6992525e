package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a successor may take from its question to its commit. It serves nobody meanwhile, and we do.
const patience = 2 * time.Minute

// Giver waits for a successor. It is started once, and ready when somebody may ask.
type Giver struct {
	path  string
	table *Listeners
	may   func() error
	yield func(*Heir)
	log   *slog.Logger

	listener *net.UnixListener // nil before Start
	end      context.CancelFunc
	waiting  sync.WaitGroup
}

// NewGiver returns a Giver that waits at a path. A successor that commits is given the error of may, and nothing has changed; without
// one, yield is called, once: the caller lets go of everything that one process alone may have, and asks the Heir what came of
// it. yield must return soon, and not stop the Giver itself.
func NewGiver(path string, table *Listeners, may func() error, yield func(*Heir), log *slog.Logger) *Giver {
	return &Giver{path: path, table: table, may: may, yield: yield, log: log}
}

// Start opens the socket. The caller holds the state lock: what is there is nobody's.
func (g *Giver) Start(context.Context) error {
	if err := os.Remove(g.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("wait for a successor: %w", err)
	}
	// That nobody else comes in before the mode is right does not rest on the mode: see trusts.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: g.path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("wait for a successor: %w", err)
	}
	if err := os.Chmod(g.path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("wait for a successor: %w", err), l.Close())
	}
	l.SetUnlinkOnClose(false) // the path may be the next process's by then
	life, end := context.WithCancel(context.Background())
	g.listener, g.end = l, end
	g.waiting.Go(func() { g.wait(life) })
	return nil
}

// Stop closes the socket, whose file may be a successor's by then, and ends a conversation.
func (g *Giver) Stop(context.Context) error {
	if g.listener == nil {
		return nil
	}
	g.end()
	err := g.listener.Close()
	g.waiting.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	if !g.table.Given() {
		err = errors.Join(err, os.Remove(g.path))
	}
	return err
}

// wait talks to one successor after the other, until one has committed or the socket is closed.
func (g *Giver) wait(ctx context.Context) {
	for {
		c, err := g.listener.AcceptUnix()
		if err != nil {
			return // closed: nothing else ends a listening Unix socket
		}
		cut := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
		_ = c.SetDeadline(time.Now().Add(patience))
		err = g.talk(c)
		cut()
		if err == nil {
			_ = c.SetDeadline(time.Time{}) // how long the successor needs to start is its own affair
			g.table.give()
			g.yield(&Heir{c, g.table})
			return
		}
		_ = c.Close()
		g.log.Warn("not taken over, this process goes on", "error", err)
	}
}

// talk leads one conversation; without an error it ends with the promise to yield.
func (g *Giver) talk(c *net.UnixConn) error {
	if err := trusts(c); err != nil {
		return errors.Join(err, send(c, message{Say: sayNo, Error: err.Error()}))
	}
	if err := expect(c, sayAsk); err != nil {
		return err
	}
	err := g.table.offer(func(names []string, fds []int) error {
		return send(c, message{Say: sayOffer, Names: names}, fds...)
	})
	if err != nil {
		return fmt.Errorf("offer listeners: %w", err)
	}
	g.log.Info("a successor has asked for the listeners")
	if err := expect(c, sayCommit); err != nil {
		return fmt.Errorf("the successor did not commit: %w", err)
	}
	if err := g.may(); err != nil {
		return errors.Join(err, send(c, message{Say: sayNo, Error: err.Error()}))
	}
	return send(c, message{Say: sayAgreed}) // an error: nobody is there to take over
}

// expect reads what the successor says.
func expect(c *net.UnixConn, what string) error {
	m, files, err := receive(c)
	closeAll(files)
	if err == nil && m.Say != what {
		err = fmt.Errorf("%q was said in place of %q", m.Say, what)
	}
	return err
}

// trusts reports as an error that the other side is another account's and not root's, or a process that has no id here: one of
// another container, where what this one writes about itself into the state directory would mean nothing.
func trusts(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var (
		peer   *unix.Ucred
		asking error
	)
	err = raw.Control(func(fd uintptr) { peer, asking = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, asking); err != nil {
		return fmt.Errorf("who asks: %w", err)
	}
	return mayAsk(peer, os.Geteuid())
}

func mayAsk(peer *unix.Ucred, own int) error {
	if peer.Uid != 0 && int(peer.Uid) != own {
		return fmt.Errorf("account %d may not take over a process of account %d", peer.Uid, own)
	}
	if peer.Pid == 0 {
		return errors.New("a process of another container may not take over")
	}
	return nil
}
