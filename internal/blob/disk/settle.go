package disk

import (
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
)

// tendLoop settles segments, makes them, and gives way to other processes.
func (j *journal) tendLoop() {
	tick := time.NewTicker(j.tuning.tick)
	defer tick.Stop()
	for {
		j.tend()
		select {
		case <-j.stop:
			return
		case <-j.tending:
		case <-tick.C:
		}
	}
}

func (j *journal) tend() {
	j.share()
	j.mu.Lock()
	if j.current != nil && len(j.current.names) > 0 && time.Since(j.current.begun) > j.tuning.age {
		j.rotate()
	}
	j.mu.Unlock()
	j.settleRest()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil && j.sole && !j.off {
		j.on = true // again, if it had failed: all is settled now
		j.grow()
	}
}

// grow makes another segment when one was missing. Callers hold mu, which is released meanwhile.
func (j *journal) grow() {
	there := len(j.free) + len(j.settling)
	if j.current != nil {
		there++
	}
	if !j.full || there >= maxSegments {
		return
	}
	j.full = false
	j.sequence++
	sequence := j.sequence
	j.mu.Unlock()
	g, err := j.makeOne(sequence)
	j.mu.Lock()
	if err != nil {
		return // no room, or the disk fails: blobs go the plain way, which says so
	}
	j.free = append(j.free, g)
}

func (j *journal) makeOne(sequence uint64) (*segment, error) {
	claim, err := j.store.room.claim(j.tuning.segment)
	if err != nil {
		return nil, err
	}
	defer claim.release()
	g, err := makeSegment(j.dir, fmt.Sprintf("segment-%d", sequence), j.tuning.segment, sequence)
	if err == nil {
		g.goDirect()
	}
	return g, err
}

// settleAll settles the current segment as well.
func (j *journal) settleAll() {
	j.mu.Lock()
	j.rotate()
	j.mu.Unlock()
	j.settleRest()
}

// settleRest settles the segments that are not written any more. Only one goroutine at a time does so.
func (j *journal) settleRest() {
	for {
		j.mu.Lock()
		if len(j.settling) == 0 || j.broken != nil {
			j.mu.Unlock()
			return
		}
		g := j.settling[0]
		for g.busy > 0 {
			j.changed.Wait()
		}
		j.sequence++
		sequence := j.sequence
		j.mu.Unlock()
		if err := j.settle(g, sequence); err != nil {
			j.breakDown(err)
			return
		}
		if len(g.names) > j.tuning.few && j.store.kind == "ext4" {
			_ = j.newTempDirs() // the old ones are good, too
		}
		j.mu.Lock()
		g.names = nil
		j.settling, j.free = j.settling[1:], append(j.free, g)
		j.changed.Broadcast()
		j.mu.Unlock()
	}
}

// settle brings the files of a segment to the disk, then empties it. The order matters: from then on nobody writes them again.
func (j *journal) settle(g *segment, sequence uint64) error {
	if err := j.syncNames(g.names); err != nil {
		return err
	}
	return g.begin(sequence)
}

// syncNames makes durable what became of the names. Few are synced one by one; for many a single call syncs the whole
// file system, which takes a tenth of the processor's time, and a moment longer when others write to it as well.
func (j *journal) syncNames(names map[blob.Name]bool) error {
	if len(names) > j.tuning.few {
		if _, err := again(func() (int, error) { return 0, unix.Syncfs(j.store.root.fd) }); err != nil {
			return fmt.Errorf("sync file system: %w", err)
		}
		return nil
	}
	dirs := map[string]bool{}
	for name := range names {
		dirs[path.Dir(string(name))] = true
		// Also where the journal says that nothing is left: a record that was refused may say so.
		if err := j.store.syncBlob(name); err != nil {
			return err
		}
	}
	for rel := range dirs {
		if err := j.syncDir(rel); err != nil {
			return err
		}
	}
	return nil
}

// syncfsTells reports whether syncfs returns the error of a file that could not be written: since Linux 5.8.
func syncfsTells() bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	var major, minor int
	_, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	return err == nil && (major > 5 || major == 5 && minor >= 8)
}

// syncBlob brings one blob to the disk. One that somebody removed by hand is not missed.
func (s *Store) syncBlob(name blob.Name) error {
	fd, err := s.root.open(string(name), unix.O_RDONLY, 0)
	if absent(err) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: string(name), Err: err}
	}
	f := os.NewFile(uintptr(fd), string(name))
	return errors.Join(f.Sync(), f.Close())
}

func (j *journal) syncDir(rel string) error {
	d, err := j.store.root.openDir(rel)
	if absent(err) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: rel, Err: err}
	}
	defer d.close()
	return d.sync()
}
