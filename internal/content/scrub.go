package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// scrubPage is how many parts are read from the table at once.
const scrubPage = 500

// check is what the look at a stored part gave.
type check int

const (
	sound check = iota
	missing
	corrupt
)

// nowhere is a sink that keeps nothing: what passes through it is only verified.
type nowhere struct{}

// Dir implements treepack.Sink.
func (nowhere) Dir(string) error { return nil }

// File implements treepack.Sink.
func (nowhere) File(_ string, _ bool, _ int64, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// Link implements treepack.Sink.
func (nowhere) Link(string, string) error { return nil }

// Keep implements treepack.Sink.
func (nowhere) Keep(string, []byte) error { return nil }

// examine reads a stored part and verifies all of it. Its error says that the store could not be asked.
func (c *Content) examine(ctx context.Context, part treepack.Part) (check, error) {
	b, err := c.store.Open(blob.ReadAhead(ctx), blob.Name(part.BlobName()))
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return missing, nil
	case err != nil:
		return sound, fmt.Errorf("verify part %s: %w", part.ID, err)
	}
	defer b.Close()
	err = treepack.Unpack(b, part, nowhere{})
	switch {
	case err == nil:
		return sound, nil
	case fault.KindOf(err) == fault.Invalid:
		return corrupt, nil
	case errors.Is(err, blob.ErrNotFound):
		return missing, nil
	}
	return sound, fmt.Errorf("verify part %s: %w", part.ID, err)
}

// scrubber verifies parts and repairs those that need it.
type scrubber struct {
	c       *Content
	mirrors *mirrors
	report  *ScrubReport
	step    func(string)

	mu  sync.Mutex // protects the following, and the report
	bad []partRow
}

// scrub verifies stored parts: those of a source's current revision, or those that were not looked at for longest.
func (c *Content) scrub(ctx context.Context, r ScrubRequest, step func(string)) (*ScrubReport, error) {
	s := &scrubber{c: c, mirrors: c.mirrors(), report: &ScrubReport{}, step: step}
	err := s.run(ctx, r)
	if err == nil && r.List {
		err = s.compareListing(ctx)
	}
	err = errors.Join(err, s.mirrors.close())
	if err != nil {
		return s.report, fmt.Errorf("scrub: %w", err)
	}
	return s.report, nil
}

func (s *scrubber) run(ctx context.Context, r ScrubRequest) error {
	where, args := "state = 'present' AND id > $1 AND checked <= now() ORDER BY id LIMIT $2", []any(nil)
	switch {
	case r.Source != "":
		where = `state = 'present' AND id > $1 AND id = ANY((SELECT r.parts FROM {s}.content_revisions r
			JOIN {s}.content_sources s ON s.id = r.source AND s.seq = r.seq WHERE s.name = $3)::bigint[]) ORDER BY id LIMIT $2`
		args = []any{r.Source}
	case r.Parts > 0:
		rows, err := s.c.partRows(ctx, "state = 'present' ORDER BY checked, id LIMIT $1", r.Parts)
		if err != nil {
			return err
		}
		return s.verify(ctx, rows)
	}
	for last := int64(0); ; {
		rows, err := s.c.partRows(ctx, s.c.q(where), append([]any{last, scrubPage}, args...)...)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := s.verify(ctx, rows); err != nil {
			return err
		}
		last = rows[len(rows)-1].id
	}
}

// verify looks at a page of parts, several at a time, and repairs the bad ones.
func (s *scrubber) verify(ctx context.Context, rows []partRow) error {
	s.bad = nil
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(s.c.cfg().Parallel)
	good := make([]int64, 0, len(rows))
	for _, row := range rows {
		group.Go(func() error {
			found, err := s.c.examine(within, row.part)
			s.mu.Lock()
			defer s.mu.Unlock()
			if err != nil {
				return err
			}
			s.report.Checked.add(row.part.Packed)
			switch found {
			case missing:
				s.report.Missing++
				s.bad = append(s.bad, row)
			case corrupt:
				s.report.Corrupt++
				s.bad = append(s.bad, row)
			case sound:
				good = append(good, row.id)
			}
			return nil
		})
	}
	err := group.Wait()
	if _, noting := s.c.db.Exec(ctx, s.c.q("UPDATE {s}.content_parts SET checked = now() WHERE id = ANY($1)"), good); noting != nil {
		return errors.Join(err, noting)
	}
	s.step(fmt.Sprintf("verified %d parts", s.report.Checked.Parts))
	return errors.Join(err, s.repair(ctx))
}

// repair makes bad parts anew. One that cannot be is reported, and is no reason to stop.
func (s *scrubber) repair(ctx context.Context) error {
	for _, row := range s.bad {
		err := s.mirrors.repair(ctx, row)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			s.c.log.ErrorContext(ctx, "a part of the store is damaged and could not be made again", "part", row.part.ID.String(), "error", err)
			s.report.Lost = append(s.report.Lost, LostPart{row.part.ID.String(), err.Error()})
			continue
		}
		s.c.log.WarnContext(ctx, "a part of the store was damaged, and made again from the mirror", "part", row.part.ID.String())
		s.report.Repaired++
	}
	s.bad = nil
	return nil
}

// repairNamed verifies parts that a consumer complained of, and repairs them.
func (c *Content) repairNamed(ctx context.Context, names []string, step func(string)) (*ScrubReport, error) {
	s := &scrubber{c: c, mirrors: c.mirrors(), report: &ScrubReport{}, step: step}
	rows, err := c.partRows(ctx, "name = ANY($1) AND state IN ('present', 'doomed')", names)
	if err == nil {
		err = s.verify(ctx, rows)
	}
	err = errors.Join(err, s.mirrors.close())
	if err != nil {
		return s.report, fmt.Errorf("repair: %w", err)
	}
	return s.report, nil
}

// scrubDue verifies a few parts whose turn it is.
func (c *Content) scrubDue(ctx context.Context, step func(string)) (*ScrubReport, error) {
	s := &scrubber{c: c, mirrors: c.mirrors(), report: &ScrubReport{}, step: step}
	if c.cfg().ScrubEvery == 0 {
		return s.report, nil
	}
	rows, err := c.partRows(ctx, "state = 'present' AND checked <= now() - $1::interval ORDER BY checked, id LIMIT $2", c.cfg().ScrubEvery.D(), scrubSlice)
	if err == nil && len(rows) > 0 {
		err = s.verify(ctx, rows)
	}
	return s.report, errors.Join(err, s.mirrors.close())
}

// verify reads all parts of a revision that is about to be published anew, and replaces those that are bad.
func (j *job) verify(ctx context.Context, src treepack.Source, ix *revision.Index) error {
	ids := make([]treepack.PartID, 0, len(ix.Chunks))
	for _, p := range ix.Parts() {
		ids = append(ids, p.ID)
	}
	known, err := j.c.partsNamed(ctx, ids)
	if err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(j.c.cfg().Parallel)
	var mu sync.Mutex // protects the report
	for _, rows := range known {
		for _, row := range rows {
			if row.state == statePurged || row.state == stateDeleting {
				continue
			}
			group.Go(func() error {
				fixed, err := j.verifyOne(within, src, row)
				mu.Lock()
				defer mu.Unlock()
				if fixed {
					j.report.Repaired++
				}
				return err
			})
		}
	}
	return group.Wait()
}

func (j *job) verifyOne(ctx context.Context, src treepack.Source, row partRow) (fixed bool, err error) {
	found, err := j.c.examine(ctx, row.part)
	if err != nil || found == sound {
		return false, err
	}
	s := newSpool(j.c.opts.Mirrors)
	defer s.close()
	part, err := treepack.Pack(ctx, s, src, row.part.ID, j.limits)
	if err != nil {
		return false, err
	}
	if part.SHA256 != row.part.SHA256 {
		return false, nil // another source's, of the same name
	}
	return true, j.c.replacePart(ctx, row, part, s)
}
