package treecache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
)

// enlist takes a slot, cleans up after the dead, and decides which era it is.
func (p *process) enlist(ctx context.Context) error {
	boot, err := p.bootID()
	if err != nil {
		return err
	}
	p.slot = -1
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	count := false
	err = p.ledger.update(ctx, func(l *page, damaged bool) error {
		if err := p.takeSlot(l); err != nil {
			return err
		}
		if err := p.judgeBoot(l, boot, damaged); err != nil {
			return err
		}
		p.bury(l)
		if err := p.sweepTemp(l, true); err != nil {
			return err
		}
		own := p.path("tmp", strconv.Itoa(p.slot))
		if err := p.mkdir(own, modeOwn); err != nil {
			return err
		}
		p.probe(own)
		count = l.Count
		return nil
	})
	if err != nil {
		return onDisk("join content cache", err)
	}
	// Before anything is written: that the root is in use, and the era, must outlive a power cut.
	if err := p.ledger.file.Sync(); err != nil {
		return onDisk("sync ledger", err)
	}
	if err := p.tellBoot(boot); err != nil {
		return onDisk("tell boot id", err)
	}
	if count {
		return p.recount(ctx)
	}
	return nil
}

func (p *process) bootID() (string, error) {
	if p.o.bootID != "" {
		return p.o.bootID, nil
	}
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(id)), nil
}

// takeSlot finds a slot that nobody holds. What a dead process left in it is counted as used.
func (p *process) takeSlot(l *page) error {
	for k := range l.Slots {
		ok, err := p.lock.set(slotLocks+int64(k), exclusive)
		if err != nil {
			return err
		}
		if ok {
			p.slot = k
			l.retire(k)
			l.Slots[k].Live = true
			return nil
		}
	}
	return fault.New(fault.Full, "content_cache_processes", "%d processes use the content cache %s already", maxSlots, p.o.Root)
}

// retire makes a slot free. If its process died, what it had reserved counts until the next count.
func (l *page) retire(k int) {
	if s := &l.Slots[k]; s.Live {
		l.Used = l.Used.plus(s.Held)
		l.Count = true
		*s = slot{}
	}
}

// bury retires the slots of processes that died.
func (p *process) bury(l *page) {
	for k := range l.Slots {
		if k == p.slot || !l.Slots[k].Live {
			continue
		}
		if ok, err := p.lock.set(slotLocks+int64(k), exclusive); err == nil && ok {
			l.retire(k)
			p.lock.drop(slotLocks + int64(k))
		}
	}
}

// judgeBoot begins a new era after an unclean boot: views go, objects will be hashed again.
func (p *process) judgeBoot(l *page, boot string, damaged bool) error {
	same := strings.TrimRight(string(l.Boot[:]), "\x00") == boot
	clean := l.Clean
	l.Clean = false
	p.era = l.Era
	if !damaged && (same || clean) {
		l.Boot = [40]byte{}
		copy(l.Boot[:], boot)
		return nil
	}
	if damaged {
		newest, err := p.newestEra()
		if err != nil {
			return err
		}
		l.Era, l.Count = newest, true
	}
	if err := p.dropViews(); err != nil {
		return err
	}
	l.Era++
	p.era = l.Era
	l.Boot = [40]byte{}
	copy(l.Boot[:], boot)
	return nil
}

// newestEra looks for the last era in the marks, for when the ledger is lost.
func (p *process) newestEra() (newest int64, err error) {
	return newest, walk(p.path("objects"), func(path string, st *unix.Stat_t) error {
		if filepath.Base(path) == "mark" && st.Size == 0 {
			if era := st.Atim.Sec; era > newest && era < 1<<30 { // a mark that somebody read has the time of day
				newest = era
			}
		}
		return nil
	})
}

// dropViews moves all views to trash.
func (p *process) dropViews() error {
	list, err := names(p.path("views"))
	if err != nil {
		return err
	}
	for _, name := range list {
		if err := p.rename(p.path("views", name), p.fresh("trash")); err != nil {
			return err
		}
	}
	return nil
}

// sweepTemp moves the directories below tmp that no process has to trash; if own, this one's as well.
func (p *process) sweepTemp(l *page, own bool) error {
	list, err := names(p.path("tmp"))
	if err != nil {
		return err
	}
	for _, name := range list {
		k, err := strconv.Atoi(name)
		if err == nil && p.isTaken(k, own) {
			continue
		}
		if os.Remove(p.path("tmp", name)) == nil { // it is empty, as a clean stop leaves it
			continue
		}
		l.Count = true
		if err := p.rename(p.path("tmp", name), p.fresh("trash")); err == nil {
			continue
		}
		if err := os.RemoveAll(p.path("tmp", name)); err != nil { // no room for a name in trash
			return err
		}
	}
	return nil
}

// isTaken asks the lock of a slot, not the ledger, which may have been lost.
func (p *process) isTaken(k int, own bool) bool {
	if k == p.slot {
		return !own
	}
	if k < 0 || k >= maxSlots {
		return false
	}
	ok, err := p.lock.set(slotLocks+int64(k), exclusive)
	if ok {
		p.lock.drop(slotLocks + int64(k))
	}
	return err != nil || !ok
}

// tellBoot tells those who open views by themselves that the views are of this boot.
func (p *process) tellBoot(boot string) error {
	if got, err := os.ReadFile(p.path("boot")); err == nil && strings.TrimSpace(string(got)) == boot {
		return nil
	}
	temp := p.temp()
	f, err := p.create(temp, modeFile)
	if err != nil {
		return err
	}
	_, err = f.Write([]byte(boot + "\n"))
	if err := errors.Join(err, f.finish()); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return p.rename(temp, p.path("boot"))
}

// leave gives the slot back. No call runs any more.
func (p *process) leave() {
	p.closeLeases()
	p.flush()
	if err := p.resign(); err != nil {
		p.report("leave", err)
	}
	p.close()
}

// resign frees the slot; the last one marks the root as clean, after all of it is on the disk.
func (p *process) resign() error {
	syncErr := p.syncDisk()
	clean := false
	err := p.ledger.change(func(l *page) error {
		s := &l.Slots[p.slot]
		if s.Held != (usage{}) { // something was given up on the way
			l.Used, l.Count = l.Used.plus(s.Held), true
		}
		*s = slot{}
		others := false
		for _, s := range l.Slots {
			others = others || s.Live
		}
		clean = !others && syncErr == nil
		l.Clean = clean
		return nil
	})
	if err == nil && clean {
		err = p.ledger.file.Sync()
	}
	return errors.Join(syncErr, err)
}

func (p *process) syncDisk() error {
	d, err := os.Open(p.o.Root)
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return errors.Join(unix.Syncfs(int(d.Fd())), d.Close())
}

// close lets go of the files.
func (p *process) close() {
	p.cut()
	p.lock.close()
	_ = p.ledger.file.Close() // nothing is buffered
}

// maintain is what happens each second.
func (p *process) maintain(ctx context.Context, n int) {
	const buryEvery, dropEvery, flushEvery = 5, 10, 30 // seconds
	if n%flushEvery == 0 {
		p.flush()
	}
	count := false
	err := p.ledger.change(func(l *page) error {
		if n%buryEvery == 0 {
			p.bury(l)
			if err := p.sweepTemp(l, false); err != nil {
				return err
			}
		}
		count = l.Count
		return nil
	})
	if err == nil && count {
		bounded, cancel := context.WithTimeout(ctx, time.Minute)
		err = p.recount(bounded)
		cancel()
	}
	if n%dropEvery == 0 {
		err = errors.Join(err, p.dropOver(ctx))
	}
	err = errors.Join(err, p.reapAll(), p.emptyTrash(ctx), p.keepFloors(ctx))
	if ctx.Err() == nil {
		p.report("maintain", err)
	}
}
