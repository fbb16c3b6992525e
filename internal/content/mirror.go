package content

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/gitrepo"
	"holdfast/internal/treepack"
)

// mirrors are the open repositories of one piece of work.
type mirrors struct {
	c    *Content
	open map[string]*mirror
}

// mirror is one of them.
type mirror struct {
	repo    *gitrepo.Repo
	objects *gitrepo.Objects
	fetched bool
	err     error // why it could not be opened; it is not tried again
}

func (c *Content) mirrors() *mirrors { return &mirrors{c, map[string]*mirror{}} }

// close ends the processes that read the repositories.
func (m *mirrors) close() error {
	var all []error
	for _, o := range m.open {
		if o.objects != nil {
			all = append(all, o.objects.Close())
		}
		if o.repo != nil {
			o.repo.Rest()
		}
	}
	return errors.Join(all...)
}

// of returns the mirror of a source, which must be configured here.
func (m *mirrors) of(ctx context.Context, source string) (*mirror, error) {
	if o := m.open[source]; o != nil {
		return o, o.err
	}
	o := &mirror{}
	m.open[source] = o
	cfg, ok := m.c.cfg().Sources[source]
	if !ok {
		o.err = m.c.noRevision(source, "current")
		return o, o.err
	}
	if o.repo, o.err = m.c.openMirror(ctx, source, cfg, m.c.log); o.err == nil {
		o.objects, o.err = o.repo.Objects(ctx)
	}
	return o, o.err
}

// fetch brings the mirror up to date, once: a holder that is new may not have cloned the source yet.
func (m *mirrors) fetch(ctx context.Context, source string, o *mirror) error {
	if o.fetched {
		return nil
	}
	o.fetched = true
	_, err := o.repo.Fetch(ctx, m.c.cfg().Sources[source].Branch, nil)
	return err
}

// repair makes a part anew from the mirror of a source that has it, and puts it in the place of what is stored.
func (m *mirrors) repair(ctx context.Context, row partRow) error {
	with, err := m.c.publications(ctx, "r.parts @> ARRAY[$1::bigint] ORDER BY r.seq DESC LIMIT 20", row.id)
	if err != nil {
		return err
	}
	var all []error
	for _, p := range with {
		s := newSpool(m.c.opts.Mirrors)
		part, err := m.pack(ctx, p, row, s)
		if err == nil {
			err = m.c.replacePart(ctx, row, part, s)
		}
		s.close()
		if err == nil || ctx.Err() != nil {
			return err
		}
		all = append(all, err)
	}
	if len(all) == 0 {
		return fault.New(fault.NotFound, "content_part_unused", "no revision has part %s: it is left to the collection", row.part.ID)
	}
	return errors.Join(all...)
}

// pack packs a part as the revision has it.
func (m *mirrors) pack(ctx context.Context, p Publication, row partRow, s *spool) (treepack.Part, error) {
	o, err := m.of(ctx, p.Source)
	if err != nil {
		return treepack.Part{}, err
	}
	var src treepack.Source = o.objects
	if ix, err := m.c.readIndex(ctx, p); err == nil {
		src = ix.Overlay(src) // gathered trees, which no repository has
	}
	limits := m.c.cfg().limits()
	part, err := treepack.Pack(ctx, s, src, row.part.ID, limits)
	if errors.Is(err, treepack.ErrMissing) && m.fetch(ctx, p.Source, o) == nil {
		*s = spool{dir: s.dir}
		part, err = treepack.Pack(ctx, s, src, row.part.ID, limits)
	}
	if err != nil {
		return part, fmt.Errorf("pack part %s from the mirror of %s: %w", row.part.ID, p.Source, err)
	}
	if part.SHA256 != row.part.SHA256 {
		return part, fault.New(fault.Invalid, "content_corrupt", "the mirror of %s has other content for part %s", p.Source, row.part.ID)
	}
	return part, nil
}

// replacePart stores a pack in the place of what is there, whatever it is. The row is locked meanwhile. Should it break off
// between the two orders, the part is missing, and repaired by the next.
func (c *Content) replacePart(ctx context.Context, row partRow, part treepack.Part, s *spool) error {
	body, err := s.reader()
	if err != nil {
		return err
	}
	err = c.db.InTx(ctx, func(tx pgx.Tx) error {
		ids, err := numbers(ctx, tx, c.q(`UPDATE {s}.content_parts SET packed = $2, checked = now()
			WHERE id = $1 AND state IN ('present', 'doomed') RETURNING id`), row.id, s.size)
		if err != nil || len(ids) == 0 {
			return err // purged or deleted meanwhile
		}
		name := blob.Name(part.BlobName())
		if err := c.store.Delete(ctx, name); err != nil {
			return err
		}
		_, err = c.store.Put(ctx, name, body, blob.PutOptions{Size: s.size})
		return err
	})
	if err != nil {
		return fmt.Errorf("replace part %s: %w", row.part.ID, err)
	}
	return nil
}
