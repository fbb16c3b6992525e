package disk

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// openSegments opens the segments of a journal, oldest first.
func openSegments(d *dir, flags int) (all []*segment, err error) {
	entries, err := d.entries()
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "segment-") {
			continue
		}
		g, err := openSegment(d, e.Name(), flags)
		if err != nil {
			return nil, errors.Join(err, closeSegments(all))
		}
		all = append(all, g)
	}
	slices.SortFunc(all, func(a, b *segment) int { return cmp.Compare(a.sequence, b.sequence) })
	return all, nil
}

func closeSegments(all []*segment) error {
	var errs []error
	for _, g := range all {
		errs = append(errs, g.f.Close())
	}
	return errors.Join(errs...)
}

// isSettled reports whether nothing in the journal has to be replayed.
func isSettled(d *dir) (bool, error) {
	all, err := openSegments(d, unix.O_RDONLY)
	if err != nil {
		return false, err
	}
	for _, g := range all {
		records, err := g.read()
		if len(records) > 0 || err != nil {
			return false, errors.Join(err, closeSegments(all))
		}
	}
	return true, closeSegments(all)
}

// takeOver replays what a process that died left, and removes it. The caller is alone with the store.
func (j *journal) takeOver() error {
	if err := j.openTemps(); cannotWrite(err) {
		j.mu.Lock()
		j.off = true
		j.mu.Unlock()
		return j.refuseUnsettled()
	} else if err != nil {
		return j.store.explain(err)
	}
	all, err := openSegments(j.dir, unix.O_RDWR)
	if err != nil {
		return err
	}
	if err := j.replay(all); err != nil {
		return errors.Join(fmt.Errorf("replay journal: %w", j.store.explain(err)), closeSegments(all))
	}
	return j.discard(all)
}

// discard removes segments that are settled. Should one be back after a power cut, it has no records.
func (j *journal) discard(all []*segment) error {
	errs := []error{closeSegments(all)}
	for _, g := range all {
		errs = append(errs, j.dir.remove(g.base))
	}
	return errors.Join(errs...)
}

// replay writes again what the records say, whatever the files look like: they were not synced, and what reads well may never
// have come to the disk. Done twice it leads to the same, so it may be killed.
func (j *journal) replay(all []*segment) error {
	for _, g := range all {
		records, err := g.read()
		if err != nil {
			return err
		}
		if err := j.rewrite(lastWords(records)); err != nil {
			return err
		}
		if err := g.begin(g.sequence); err != nil {
			return err
		}
	}
	return nil
}

// lastWords returns what the records of one segment make of each name: the record that wrote it, or nil for nothing.
func lastWords(records []record) map[blob.Name]*record {
	last := map[blob.Name]*record{}
	for i := range records {
		r := &records[i]
		switch r.kind {
		case recordPut:
			last[r.name] = r
		case recordMove:
			last[r.name], last[r.to] = nil, last[r.name]
		case recordDelete:
			last[r.name] = nil
		case recordCancel:
			delete(last, r.name)
		}
	}
	return last
}

// rewrite makes the files what the journal says, durably. Whatever is there goes first: on a full disk there is no room for
// both.
func (j *journal) rewrite(last map[blob.Name]*record) error {
	names := make(map[blob.Name]bool, len(last))
	for name, r := range last {
		names[name] = r != nil
		if err := j.rewriteOne(name, nil); err != nil {
			return fmt.Errorf("blob %s: %w", name, err)
		}
	}
	for name, r := range last {
		if err := j.rewriteOne(name, r); err != nil {
			return fmt.Errorf("blob %s: %w", name, err)
		}
	}
	return j.syncNames(names)
}

// rewriteOne writes the blob of a record, or without one removes what is there.
func (j *journal) rewriteOne(name blob.Name, r *record) error {
	d, err := j.store.needDir(path.Dir(string(name)))
	if err != nil {
		return err
	}
	defer d.close()
	base := path.Base(string(name))
	if r == nil {
		return d.remove(base)
	}
	t := j.newTemp()
	defer t.end()
	if _, err := t.write(r.data, r.sidecar); err != nil {
		return errors.Join(err, t.remove())
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(r.mtime)}
	if err := unix.UtimesNanoAt(t.dir.fd, t.base, times, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return &os.PathError{Op: "set time of", Path: t.base, Err: err}
	}
	return t.dir.rename(t.base, d, base)
}
