package handover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// Offer is what a predecessor gives. Until Commit it serves on; Close without that changes nothing for it, and Close without Ready
// makes it take everything back.
type Offer struct {
	conn  *net.UnixConn
	files map[string]*os.File
	table *Listeners // nil before Listeners
}

// Ask asks the process that waits at a path for its sockets. ctx bounds the asking.
func Ask(ctx context.Context, path string) (*Offer, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("ask for listeners: %w", err)
	}
	o := &Offer{conn: c.(*net.UnixConn), files: map[string]*os.File{}} //nolint:forcetypeassert // the network is "unix"
	answer, files, err := o.say(ctx, sayAsk)
	if err == nil && answer.Say != sayOffer {
		closeAll(files)
		err = refusal(answer)
	}
	if err != nil {
		_ = c.Close() // the first error is the one to tell
		return nil, fmt.Errorf("ask for listeners: %w", err)
	}
	for i, name := range answer.Names {
		o.files[name] = files[i]
	}
	return o, nil
}

// Listeners returns the table of what is offered, which has the descriptors from then on. The sockets are the predecessor's, too, until
// Ready.
func (o *Offer) Listeners() *Listeners {
	o.table = borrow(o.files)
	o.files = nil
	return o.table
}

// Ready tells the predecessor that the caller serves: the sockets are the caller's alone from now on. It is called once.
func (o *Offer) Ready() error {
	o.table.Own()
	err := send(o.conn, message{Say: sayReady})
	return errors.Join(err, o.Close())
}

// Commit tells the predecessor to let go: when it returns nil, the caller waits for the state lock. After an error the predecessor goes
// on serving.
func (o *Offer) Commit(ctx context.Context) error {
	answer, files, err := o.say(ctx, sayCommit)
	closeAll(files)
	if err == nil && answer.Say != sayAgreed {
		err = refusal(answer)
	}
	if err != nil {
		return fmt.Errorf("take over: %w", err)
	}
	return nil
}

// Close ends the conversation, and closes what Listeners was not asked for.
func (o *Offer) Close() error {
	for _, f := range o.files {
		_ = f.Close()
	}
	o.files = nil
	return o.conn.Close()
}

func (o *Offer) say(ctx context.Context, what string) (message, []*os.File, error) {
	defer context.AfterFunc(ctx, func() { _ = o.conn.SetDeadline(time.Unix(1, 0)) })()
	if err := send(o.conn, message{Say: what}); err != nil {
		return message{}, nil, err
	}
	return receive(o.conn)
}

func refusal(m message) error {
	if m.Say == sayNo {
		return fmt.Errorf("the running process refuses: %s", m.Error)
	}
	return fmt.Errorf("the running process answers %q", m.Say)
}
