package disk

import (
	"fmt"
	"time"

	"holdfast/internal/blob"
)

// commit brings a record to the disk, together with those of others. When it returns nil the record is durable: the caller
// changes the files and says so with [journal.applied]. Callers hold the locks of the record's names.
func (j *journal) commit(r record) (*segment, error) {
	e := &entry{record: r, done: make(chan error, 1)}
	j.mu.Lock()
	if !j.on || batchSize(r.size()) > batchLimit {
		j.mu.Unlock()
		return nil, errAside
	}
	j.queue = append(j.queue, e)
	j.mu.Unlock()
	raise(j.commits)
	err := <-e.done
	return e.segment, err
}

// commitLoop commits what waits, until the journal is closed. While one batch is being synced the next one gathers.
func (j *journal) commitLoop() {
	defer j.refuseRest()
	for {
		select {
		case <-j.stop:
			return
		case <-j.commits:
		}
		for j.commitBatch() {
		}
	}
}

// refuseRest sends those that wait past the journal; it takes no others any more.
func (j *journal) refuseRest() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.queue {
		e.done <- errAside
	}
	j.queue = nil
}

// commitBatch commits one batch and reports whether there may be more.
func (j *journal) commitBatch() bool {
	g, batch := j.gather()
	if len(batch) == 0 {
		return g != nil
	}
	records := make([]*record, len(batch))
	for i, e := range batch {
		records[i] = &e.record
	}
	if j.buffer == nil {
		j.buffer = alignedBuffer(batchLimit)
	}
	data := appendBatch(j.buffer[:0], g.nonce, g.number, records)
	err := g.write(data, g.end)
	if err == nil {
		g.number++
		g.end += int64(len(data))
	} else {
		err = fmt.Errorf("write journal: %w", err)
		j.fail(g, len(batch))
	}
	for _, e := range batch {
		e.segment = g
		e.done <- err
	}
	return true
}

// fail stops the journal after a segment could not be written: nobody knows what the disk has of the batch, which was
// refused. When all files are synced and the segment is begun anew the journal goes on.
func (j *journal) fail(g *segment, records int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	g.busy -= records
	j.on = false
	if g == j.current {
		j.rotate()
	}
	j.changed.Broadcast()
}

// gather takes what waits, as much as one write may hold, and chooses the segment. Whoever cannot go there is sent aside.
func (j *journal) gather() (*segment, []*entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, size := 0, 0
	for n < len(j.queue) && batchSize(size+j.queue[n].record.size()) <= batchLimit {
		size += j.queue[n].record.size()
		n++
	}
	if n == 0 {
		return nil, nil
	}
	waiting := j.queue[:n]
	if j.queue = j.queue[n:]; len(j.queue) == 0 {
		j.queue = nil
	}
	g := j.makeRoom(int64(batchSize(size)))
	var batch []*entry
	for _, e := range waiting {
		if g == nil || !j.admit(g, &e.record) {
			e.done <- errAside
			continue
		}
		batch = append(batch, e)
	}
	return g, batch
}

// makeRoom returns a segment that has room, or nil. Callers hold mu.
func (j *journal) makeRoom(size int64) *segment {
	if !j.on {
		return nil
	}
	if j.current == nil || j.current.end+size > j.current.size {
		j.rotate()
	}
	if j.current == nil {
		j.full = true
		raise(j.tending)
		return nil
	}
	if j.current.end+size > j.current.size { // a segment smaller than a batch
		return nil
	}
	return j.current
}

// admit notes what the record says about its names. All that a replay has to know about a name stands in one segment, so
// the record is refused while an older segment has another. Callers hold mu.
func (j *journal) admit(g *segment, r *record) bool {
	if at := j.find(r.name); at != nil && at != g {
		return false
	}
	if r.kind == recordMove {
		if at := j.find(r.to); at != nil && at != g || !g.names[r.name] {
			return false
		}
	}
	if len(g.names) == 0 {
		g.names, g.begun = map[blob.Name]bool{}, time.Now()
	}
	switch r.kind {
	case recordPut:
		g.names[r.name] = true
	case recordMove:
		g.names[r.name], g.names[r.to] = false, true
	case recordDelete:
		g.names[r.name] = false
	case recordCancel:
		delete(g.names, r.name)
	}
	g.busy++
	return true
}
