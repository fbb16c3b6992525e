package content

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/gitrepo"
	"holdfast/internal/treepack"
)

// localStore is the store of one machine without a store (content.store = false): parts are not kept, because the mirrors
// have all that they are made of, and are packed when a cache asks for one. What a platform of one server has of its content then is
// the repository, and the files in the cache. Indexes, which are small, are kept in the store below.
type localStore struct {
	blob.Store
	c *Content

	mu   sync.Mutex // protects open
	open map[string]*gitrepo.Repo
}

// partsPrefix is where parts would be.
const partsPrefix = "content/v1/"

func isPart(name blob.Name) bool { return strings.HasPrefix(string(name), partsPrefix) }

// originKey is the key of the revision that a part is wanted for, a *loaded.
type originKey struct{}

// Open packs the part from the mirror of the source that it is wanted for, or of any that has it.
func (s *localStore) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if !isPart(name) {
		return s.Store.Open(ctx, name)
	}
	id, sum, err := parsePartName(name)
	if err != nil {
		return nil, err
	}
	if x, ok := ctx.Value(originKey{}).(*loaded); ok {
		return s.pack(ctx, x.Source, x.Overlay, id, sum)
	}
	with, err := s.c.publications(ctx, `r.parts && ARRAY(SELECT id FROM {s}.content_parts WHERE name = $1
		AND encode(substring(sha256 FOR 8), 'hex') = $2) ORDER BY r.seq DESC LIMIT 20`, id.String(), sum)
	if err != nil {
		return nil, err
	}
	all := []error{fmt.Errorf("part %s: %w", id, blob.ErrNotFound)}
	for _, p := range with {
		ix, err := s.c.readIndex(ctx, p)
		if err == nil {
			var b blob.Blob
			if b, err = s.pack(ctx, p.Source, ix.Overlay, id, sum); err == nil {
				return b, nil
			}
		}
		all = append(all, err)
	}
	return nil, errors.Join(all...)
}

// pack makes a part from a mirror. One that lacks something is brought up to date first: this process may not have the role.
func (s *localStore) pack(
	ctx context.Context, source string, overlay func(treepack.Source) treepack.Source, id treepack.PartID, sum string,
) (blob.Blob, error) {
	repo, err := s.repo(ctx, source)
	if err != nil {
		return nil, err
	}
	made := newSpool(s.c.opts.Mirrors)
	limits := s.c.cfg().limits()
	part, err := treepack.Pack(ctx, made, overlay(repo.Reader()), id, limits)
	if errors.Is(err, treepack.ErrMissing) {
		if _, err := repo.Fetch(ctx, s.c.cfg().Sources[source].Branch, nil); err == nil {
			made.close()
			made = newSpool(s.c.opts.Mirrors)
		}
		part, err = treepack.Pack(ctx, made, overlay(repo.Reader()), id, limits)
	}
	if err == nil && hex.EncodeToString(part.SHA256[:8]) != sum {
		err = fault.New(fault.Invalid, "content_corrupt", "the mirror of %s has other content for part %s", source, id)
	}
	if errors.Is(err, treepack.ErrMissing) {
		err = fmt.Errorf("pack part %s from the mirror of %s: %w: %w", id, source, blob.ErrNotFound, err)
	}
	if err == nil {
		var body io.ReadSeeker
		if body, err = made.reader(); err == nil {
			return &packedBlob{body, made}, nil
		}
	}
	made.close()
	return nil, err
}

// repo returns the mirror of a source, as long as its settings are those that it was opened with.
func (s *localStore) repo(ctx context.Context, source string) (*gitrepo.Repo, error) {
	cfg, ok := s.c.cfg().Sources[source]
	if !ok {
		return nil, noSource(source)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := source + "\x00" + cfg.Git
	if r := s.open[key]; r != nil {
		return r, nil
	}
	r, err := s.c.openMirror(ctx, source, cfg, s.c.log)
	if err != nil {
		return nil, err
	}
	if s.open == nil {
		s.open = map[string]*gitrepo.Repo{}
	}
	s.open[key] = r
	return r, nil
}

// rest ends the processes that read mirrors, and waits for them. They start again when they are needed.
func (s *localStore) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.open {
		r.Rest()
	}
}

// Put keeps no part.
func (s *localStore) Put(ctx context.Context, name blob.Name, body io.Reader, o blob.PutOptions) (blob.Info, error) {
	if !isPart(name) {
		return s.Store.Put(ctx, name, body, o)
	}
	return blob.Info{Name: name, Size: o.Size}, ctx.Err()
}

// Delete has no part to remove.
func (s *localStore) Delete(ctx context.Context, name blob.Name) error {
	if !isPart(name) {
		return s.Store.Delete(ctx, name)
	}
	return ctx.Err()
}

// parsePartName reads what Part.BlobName wrote.
func parsePartName(name blob.Name) (id treepack.PartID, sum string, err error) {
	rest := string(name)[strings.LastIndexByte(string(name), '/')+1:]
	at := strings.LastIndexByte(rest, '-')
	if at < 0 {
		return id, "", fmt.Errorf("part %s: %w", name, blob.ErrNotFound)
	}
	id, err = treepack.ParsePartID(rest[:at])
	return id, rest[at+1:], err
}

// packedBlob is a part that was just packed.
type packedBlob struct {
	io.ReadSeeker
	spool *spool
}

// Info implements blob.Blob.
func (b *packedBlob) Info() blob.Info { return blob.Info{Size: b.spool.size} }

// Close implements blob.Blob.
func (b *packedBlob) Close() error { b.spool.close(); return nil }
