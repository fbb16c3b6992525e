package treecache

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
)

const (
	maxSlots   = 64   // processes that may use a root at a time
	pageSize   = 4096 // of the ledger: written at once
	pageHead   = "holdfast cache 1"
	pageSummed = pageSize - 4
)

// page is the ledger: what all processes know together. Its form is for this program alone.
type page struct {
	Head   [16]byte
	Era    int64
	Boot   [40]byte // boot id of the machine
	Clean  bool     // nobody uses the root, and everything is on the disk
	Count  bool     // Used may be too much: somebody died
	Used   usage
	Slots  [maxSlots]slot
	Spares [256]byte
}

// slot is a process.
type slot struct {
	Live bool
	Held usage // reserved, on top of Used
}

// total returns what is used and reserved.
func (p *page) total() usage {
	t := p.Used
	for _, s := range p.Slots {
		t = t.plus(s.Held)
	}
	return t
}

func (p *page) encode() ([]byte, error) {
	copy(p.Head[:], pageHead)
	buf := make([]byte, 0, pageSize)
	buf, err := binary.Append(buf, binary.LittleEndian, p)
	if err != nil || len(buf) > pageSummed {
		return nil, fmt.Errorf("encode ledger of %d bytes: %w", len(buf), err)
	}
	buf = append(buf, make([]byte, pageSummed-len(buf))...)
	return binary.LittleEndian.AppendUint32(buf, crc32.ChecksumIEEE(buf)), nil
}

var errLedger = errors.New("ledger is damaged")

func decodePage(buf []byte) (*page, error) {
	if len(buf) != pageSize || binary.LittleEndian.Uint32(buf[pageSummed:]) != crc32.ChecksumIEEE(buf[:pageSummed]) {
		return nil, errLedger
	}
	p := &page{}
	if _, err := binary.Decode(buf, binary.LittleEndian, p); err != nil || string(p.Head[:]) != pageHead {
		return nil, errLedger
	}
	return p, nil
}

// ledger is the file. Its lock is held for microseconds.
type ledger struct {
	file  *os.File
	locks *locks
	mu    sync.Mutex // mu orders the goroutines of this process
}

func openLedger(path string, l *locks) (*ledger, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return &ledger{file: f, locks: l}, nil
}

// update lets f change the page while nobody else can. An error of f leaves it as it was. If the page cannot be read,
// f gets a new one, and damaged is true.
func (l *ledger) update(ctx context.Context, f func(p *page, damaged bool) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.locks.take(ctx, ledgerLock, exclusive); err != nil {
		return fmt.Errorf("lock ledger: %w", err)
	}
	defer l.locks.drop(ledgerLock)
	before := make([]byte, pageSize)
	n, err := l.file.ReadAt(before, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read ledger: %w", err)
	}
	p, err := decodePage(before[:n])
	damaged := err != nil
	if damaged {
		p = &page{}
	}
	if err := f(p, damaged); err != nil {
		return err
	}
	after, err := p.encode()
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	if _, err := l.file.WriteAt(after, 0); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// change is update for those who run already: a damaged ledger is an error.
func (l *ledger) change(f func(p *page) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), ledgerPatience)
	defer cancel()
	return l.update(ctx, func(p *page, damaged bool) error {
		if damaged {
			return errLedger
		}
		return f(p)
	})
}

func (l *ledger) read() (*page, error) {
	var got page
	err := l.change(func(p *page) error { got = *p; return nil })
	return &got, err
}
