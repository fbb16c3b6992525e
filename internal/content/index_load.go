package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/revision"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

const (
	// maxIndexSize bounds the bytes of an index in the store: 100,000 chunks are about 6 MB.
	maxIndexSize = 256 << 20
	// loadLimit bounds one attempt to get an index.
	loadLimit = 30 * time.Second
	// indexMemoryLimit bounds the indexes in memory, estimated, in bytes.
	indexMemoryLimit = 256 << 20
)

// load returns the index of a publication: from memory, from this disk, or from the store. Callers of the same one wait for
// the same attempt; a failure is told to them and forgotten.
func (r *reader) load(ctx context.Context, p Publication) (*loaded, error) {
	if x := r.memory.get(revisionKey{p.Source, p.Commit}); x != nil && x.Seq == p.Seq && x.preset == r.c.cfg().rules[p.Source] {
		return x, nil
	}
	done := r.flights.DoChan(string(p.Index), func() (any, error) { return r.loadOnce(p) })
	select {
	case answer := <-done:
		if answer.Err != nil {
			return nil, answer.Err
		}
		return answer.Val.(*loaded), nil //nolint:forcetypeassert // loadOnce returns nothing else
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the index of %s: %w", p.Source, context.Cause(ctx))
	}
}

// loadOnce is not bound to the request that caused it: others wait for it, too.
func (r *reader) loadOnce(p Publication) (*loaded, error) {
	life, release, ok := r.base.Hold()
	if !ok {
		return nil, fault.New(fault.Unavailable, "stopping", "load the index of %s: content is not running", p.Source)
	}
	defer release()
	ctx, cancel := context.WithTimeout(life, loadLimit)
	defer cancel()
	x, err := r.fromDisk(p)
	if err != nil {
		if x, err = r.fromStore(ctx, p); err != nil {
			return nil, err
		}
	}
	if x.view, err = r.placeOf(p, x); err != nil {
		return nil, err
	}
	r.memory.put(x)
	return x, nil
}

// viewOf is the directory of a revision.
func viewOf(p Publication) treecache.View { return treecache.View{Source: p.Source, Commit: p.Commit} }

// placeOf is where the chunks of an index are shown: where its commit is, unless that shows the commit by other rules.
func (r *reader) placeOf(p Publication, x *loaded) (treecache.View, error) {
	v := viewOf(p)
	differs, err := r.cache.Differs(v, func(key string) (string, treepack.ID, bool) {
		c, ok := x.Chunk(key)
		if !ok {
			return "", treepack.ID{}, false
		}
		return c.Path, c.Tree, true
	})
	if differs {
		v = v.Variant(hex.EncodeToString(p.IndexSum[:4]))
	}
	return v, err
}

// fromDisk reads what was kept. Anything wrong with it is a reason to ask the store, and none to complain.
func (r *reader) fromDisk(p Publication) (*loaded, error) {
	data, err := r.disk.read(p)
	if err != nil {
		return nil, err
	}
	x, err := r.decode(p, data)
	if err != nil {
		r.disk.forget(p)
	}
	return x, err
}

// fromStore fetches, verifies and keeps an index.
func (r *reader) fromStore(ctx context.Context, p Publication) (*loaded, error) {
	r.count.fetches.Add(1)
	data, err := r.fetchIndex(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("fetch the index of revision %s of %s: %w", short(p.Commit.String()), p.Source, storeError(err))
	}
	x, err := r.decode(p, data)
	if err != nil {
		return nil, err
	}
	r.c.trouble.Report("keep an index", r.disk.save(p, data))
	return x, nil
}

func (r *reader) fetchIndex(ctx context.Context, p Publication) ([]byte, error) {
	b, err := r.c.store.Open(blob.ReadAhead(ctx), p.Index)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	data, err := io.ReadAll(io.LimitReader(b, maxIndexSize+1))
	r.count.fetched.Add(int64(len(data)))
	if err == nil && len(data) > maxIndexSize {
		err = fmt.Errorf("more than %d bytes", maxIndexSize)
	}
	return data, err
}

// decode believes an index only if it is the one that was published, signed with our key, of this source and revision.
func (r *reader) decode(p Publication, data []byte) (*loaded, error) {
	wrong := func(why error) error {
		return fault.New(fault.Invalid, "content_index", "index of revision %s of %s: %w", short(p.Commit.String()), p.Source, why).
			WithHint("make it anew with: holdfast content regenerate %s", p.Source)
	}
	if sum := sha256.Sum256(data); !bytes.Equal(sum[:], p.IndexSum[:]) {
		return nil, wrong(errors.New("its bytes are not those that were published"))
	}
	ix, err := revision.Decode(data, r.c.public)
	if err != nil {
		return nil, wrong(err)
	}
	if ix.Source != p.Source || ix.Seq != p.Seq || ix.Commit != p.Commit {
		return nil, wrong(fmt.Errorf("it is that of revision %d (%s) of %s", ix.Seq, short(ix.Commit.String()), ix.Source))
	}
	rules := r.c.cfg().rules[p.Source]
	if rules == nil {
		return nil, noSource(p.Source) // the configuration was read again meanwhile
	}
	return &loaded{Index: ix, preset: rules, weight: weigh(ix), closures: map[string]*closure{}}, nil
}

// storeError gives an error of the store that says nothing of its kind one that callers understand.
func storeError(err error) error {
	if kind := fault.KindOf(err); kind != fault.Internal && (kind != fault.Unavailable || fault.HintOf(err) != "") {
		return err
	}
	return fault.New(fault.Unavailable, "content_store_unavailable", "%w", err).
		WithHint("what is on this machine goes on being used; check the store and the network")
}

// short returns the first digits of a commit, for people.
func short(commit string) string { return commit[:min(12, len(commit))] }
