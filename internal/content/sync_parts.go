package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

const (
	// spoolMemory is how much of a pack is held in memory; a larger one goes to a file.
	spoolMemory = 1 << 20
	// rowBatch is how many rows of parts are written at once. A sync that breaks off has packed at most so many in vain.
	rowBatch = 200
)

// codePurged is the code of a chunk that was taken out of the revision because of a purge.
const codePurged = "content_purged"

// rejectPurged takes the chunks out of an index that have a part which was purged. The directories above them are forgotten,
// too, so that the next index looks at them again instead of taking their absence over.
func rejectPurged(ix *revision.Index, purged map[treepack.PartID]bool) {
	if len(purged) == 0 {
		return
	}
	ix.Chunks = slices.DeleteFunc(ix.Chunks, func(c revision.Chunk) bool {
		bad := slices.IndexFunc(c.Pieces, func(p treepack.Piece) bool { return purged[p.Part.ID] })
		if bad < 0 {
			return false
		}
		ix.Rejected = append(ix.Rejected, revision.Rejection{
			Key: c.Key, Path: joinPath(c.Path, c.Pieces[bad].Path), Code: codePurged,
			Reason: "the content was purged; change it, and it is distributed again",
		})
		ix.Dirs = slices.DeleteFunc(ix.Dirs, func(d revision.Dir) bool { return inside(c.Path, d.Path) })
		return true
	})
	slices.SortFunc(ix.Rejected, func(a, b revision.Rejection) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
}

func joinPath(dir, rest string) string {
	switch {
	case dir == "":
		return rest
	case rest == "":
		return dir
	}
	return dir + "/" + rest
}

// inside reports whether a path is the directory or lies below it; "" is the root.
func inside(path, dir string) bool {
	return dir == "" || path == dir || len(path) > len(dir) && path[:len(dir)] == dir && path[len(dir)] == '/'
}

// storeNew packs the parts that have no sums yet, and stores those that the store does not have.
func (j *job) storeNew(ctx context.Context, src treepack.Source, ix *revision.Index) error {
	fresh := ix.Unpacked()
	if len(fresh) == 0 {
		return nil
	}
	return j.storeAll(ctx, src, ix, fresh)
}

// storeAll packs parts and stores those that the store does not have, with their rows. It bounds how many are under way.
func (j *job) storeAll(ctx context.Context, src treepack.Source, ix *revision.Index, ids []treepack.PartID) error {
	known, err := j.c.takeUp(ctx, ids)
	if err != nil {
		return err
	}
	u := &upload{job: j, ix: ix, known: known, total: len(ids)}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(j.c.cfg().Parallel)
	for _, id := range ids {
		if within.Err() != nil {
			break
		}
		group.Go(func() error { return u.store(within, src, id) })
	}
	if err := group.Wait(); err != nil {
		// What is stored is noted all the same: the next sync finds it.
		return errors.Join(err, u.flush(context.WithoutCancel(ctx)))
	}
	return u.flush(ctx)
}

// upload is one round of storing parts.
type upload struct {
	*job
	ix    *revision.Index
	known map[treepack.PartID][]partRow
	total int

	mu     sync.Mutex // protects the following, the index and the report
	done   int
	stored []treepack.Part // that have no row yet
}

// store packs one part, and puts it where the store does not have it.
func (u *upload) store(ctx context.Context, src treepack.Source, id treepack.PartID) error {
	s := newSpool(u.c.opts.Mirrors)
	defer s.close()
	part, err := treepack.Pack(ctx, s, src, id, u.c.cfg().limits())
	if err != nil {
		return fmt.Errorf("pack part %s: %w", id, err)
	}
	return u.storePacked(ctx, part, s)
}

// storePacked puts a pack where the store does not have it. What a row says is there is not put again: a put that finds the bytes of a
// part that is doomed would note a part whose bytes are removed meanwhile. Publish takes the row, or finds it gone.
func (u *upload) storePacked(ctx context.Context, part treepack.Part, s *spool) error {
	id := part.ID
	at := slices.IndexFunc(u.known[id], func(r partRow) bool { return r.part.SHA256 == part.SHA256 })
	if at >= 0 {
		switch row := u.known[id][at]; row.state {
		case statePresent, stateDoomed:
			u.note(row.part, false)
			return nil
		case stateDeleting:
			if err := u.c.finishDelete(ctx, row); err != nil {
				return err
			}
		}
	}
	part, fresh, err := u.c.putPart(ctx, part, s)
	if err != nil {
		return err
	}
	return u.noteStored(ctx, part, fresh)
}

// note fills in the sums of a part.
func (u *upload) note(part treepack.Part, fresh bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.noteLocked(part, fresh)
}

// noteLocked does so. Callers must hold mu.
func (u *upload) noteLocked(part treepack.Part, fresh bool) {
	u.ix.Fill(part)
	if fresh {
		u.report.Uploaded.add(part.Packed)
	}
	if u.done++; u.done%100 == 0 || u.done == u.total {
		u.step(fmt.Sprintf("packed %d of %d parts", u.done, u.total))
	}
}

// noteStored does so for a part that needs a row, and writes the rows of a full batch.
func (u *upload) noteStored(ctx context.Context, part treepack.Part, fresh bool) error {
	u.mu.Lock()
	u.noteLocked(part, fresh)
	u.stored = append(u.stored, part)
	var batch []treepack.Part
	if len(u.stored) >= rowBatch {
		batch, u.stored = u.stored, nil
	}
	u.mu.Unlock()
	if batch == nil {
		return nil
	}
	return u.c.insertParts(ctx, batch)
}

func (u *upload) flush(ctx context.Context) error {
	u.mu.Lock()
	batch := u.stored
	u.stored = nil
	u.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	u.step("parts stored")
	return u.c.insertParts(ctx, batch)
}

// putPart stores a pack. One that is there already is the same content, maybe from another compressor: then the part gets its
// size.
func (c *Content) putPart(ctx context.Context, part treepack.Part, s *spool) (_ treepack.Part, fresh bool, err error) {
	body, err := s.reader()
	if err != nil {
		return part, false, err
	}
	if c.local != nil {
		return part, false, nil // nothing is uploaded
	}
	name := blob.Name(part.BlobName())
	_, err = c.store.Put(ctx, name, body, blob.PutOptions{Size: s.size})
	if errors.Is(err, blob.ErrExists) {
		info, err := c.store.Stat(ctx, name)
		if err != nil {
			return part, false, fmt.Errorf("store part %s: %w", part.ID, err)
		}
		part.Packed = info.Size
		return part, false, nil
	}
	if err != nil {
		return part, false, fmt.Errorf("store part %s: %w", part.ID, err)
	}
	return part, true, nil
}

// limits are those of chunks and parts.
func (c Config) limits() treepack.Limits {
	return treepack.Limits{
		Part: int64(c.PartSize), Plain: int64(c.MaxChunk), Files: c.MaxChunkFiles, Depth: c.MaxDepth, Blob: int64(c.MaxFile),
	}
}

// spool holds a pack until it is known whether it must be stored: in memory, or in a file without a name if it is large.
type spool struct {
	dir  string
	size int64
	mem  bytes.Buffer
	file *os.File
}

func newSpool(dir string) *spool { return &spool{dir: dir} }

// Write implements io.Writer.
func (s *spool) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	if s.file == nil && s.mem.Len()+len(p) <= spoolMemory {
		return s.mem.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "pack-*.tmp")
		if err != nil {
			return 0, fmt.Errorf("spool pack: %w", err)
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil { // it goes with us, however we end
			return 0, fmt.Errorf("spool pack: %w", err)
		}
		if _, err := s.mem.WriteTo(f); err != nil {
			return 0, fmt.Errorf("spool pack: %w", err)
		}
	}
	n, err := s.file.Write(p)
	if err != nil {
		return n, fault.New(fault.Full, "content_spool", "spool pack: %w", err).WithHint("free space below the state directory")
	}
	return n, nil
}

// reader returns what was written, from its beginning.
func (s *spool) reader() (io.ReadSeeker, error) {
	if s.file == nil {
		return bytes.NewReader(s.mem.Bytes()), nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read spooled pack: %w", err)
	}
	return s.file, nil
}

func (s *spool) close() {
	if s.file != nil {
		_ = s.file.Close() // it has no name: nothing of it stays
	}
}
