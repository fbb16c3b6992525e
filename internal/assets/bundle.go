package assets

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// transfers is how many assets are moved from or to the store at once.
const transfers = 8

// deposit stores all variants of an asset as one blob under a name of its own: names that follow from the content would let
// the deletion of an expired asset race with somebody who publishes it anew.
func (s *shelf) deposit(ctx context.Context, f fetched, content [][]byte) (blob.Name, error) {
	readers, size := make([]io.Reader, len(content)), int64(0)
	for i, c := range content {
		readers[i], size = bytes.NewReader(c), size+int64(len(c))
	}
	return s.depositFrom(ctx, f, io.MultiReader(readers...), size)
}

func (s *shelf) depositFrom(ctx context.Context, f fetched, body io.Reader, size int64) (blob.Name, error) {
	var id [16]byte
	_, _ = rand.Read(id[:]) // it never fails
	text := hex.EncodeToString(id[:])
	name := blob.Name("assets/" + text[:2] + "/" + text)
	_, err := s.store.Put(ctx, name, body, blob.PutOptions{Size: size, Sidecar: func() ([]byte, error) {
		return []byte(`{"asset":"` + f.Name + `"}`), nil
	}})
	if err != nil {
		return "", fmt.Errorf("store asset %s: %w", f.Name, err)
	}
	return name, nil
}

// fetchDir is where assets from the store wait for their names. It is not that of builds, which they empty.
func fetchDir(output string) string { return filepath.Join(output, ownDir, "fetch") }

// fetch brings the files of an asset from the store to the set, unless they are there.
func (s *shelf) fetch(ctx context.Context, r row) error {
	if err := checkName(r.Name); err != nil {
		return err // a row that nobody of ours wrote must not name a file elsewhere
	}
	if s.has(r.fetched) {
		return nil
	}
	b, err := s.store.Open(ctx, blob.Name(r.Blob))
	if err != nil {
		return fmt.Errorf("fetch asset %s: %w", r.Name, err)
	}
	defer b.Close()
	for _, p := range r.Parts {
		if err := s.fetchPart(b, r.Name, p); err != nil {
			return fmt.Errorf("fetch asset %s: %w", r.Name, err)
		}
	}
	return nil
}

// has reports whether the files of an asset are there in their full length.
func (s *shelf) has(f fetched) bool {
	for _, p := range f.Parts {
		info, err := os.Stat(variantPath(s.output, f.Name, p.Coding))
		if err != nil || info.Size() != p.Size {
			return false
		}
	}
	return true
}

func (s *shelf) fetchPart(from io.Reader, name string, p part) error {
	return s.settle(name+p.Coding.suffix(), io.LimitReader(from, p.Size), p.SHA256)
}

// settle writes a file of the set if it is what it should be.
func (s *shelf) settle(name string, content io.Reader, want string) error {
	temp, err := os.CreateTemp(fetchDir(s.output), "")
	if err != nil {
		return err
	}
	defer temp.Close()
	h := sha256.New()
	if _, err := io.Copy(temp, io.TeeReader(content, h)); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != want {
		return fault.New(fault.Invalid, "asset_damaged", "the bytes in the store are not those that were put there")
	}
	return finish(temp, s.output, name)
}

// fetchAll brings all assets. It returns those that are there afterwards, and why others are not.
func (s *shelf) fetchAll(ctx context.Context, rows []row) ([]fetched, error) {
	errs := make([]error, len(rows))
	var group errgroup.Group
	group.SetLimit(transfers)
	for i, r := range rows {
		group.Go(func() error {
			errs[i] = s.fetch(ctx, r)
			return nil
		})
	}
	_ = group.Wait() // each has its error in errs
	out := make([]fetched, 0, len(rows))
	for i, r := range rows {
		if errs[i] == nil {
			out = append(out, r.fetched)
		}
	}
	return out, errors.Join(errs...)
}

// share puts the present release on the shelf, and renews the time of what is there already.
func (s *shelf) share(ctx context.Context, x *index) error {
	current := map[string]bool{}
	var names []string
	for _, name := range x.Names {
		if f := x.Files[name]; f != nil && !current[name] {
			current[name] = true
			names = append(names, name)
		}
	}
	known, err := s.renew(ctx, names)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(transfers)
	for _, name := range names {
		if known[name] {
			continue
		}
		group.Go(func() error { return s.shareOne(ctx, name, x.Files[name]) })
	}
	return group.Wait()
}

// renew puts off the end of assets that are on the shelf, and returns which are. Only what is near its end is changed.
func (s *shelf) renew(ctx context.Context, names []string) (map[string]bool, error) {
	_, err := s.db.Exec(ctx, "UPDATE "+s.table("assets")+` SET expires = now() + $2 * interval '1 second'
		WHERE name = ANY($1) AND expires < now() + $2 * interval '0.9 second'`, names, s.keep.Seconds())
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Query(ctx, "SELECT name FROM "+s.table("assets")+" WHERE name = ANY($1)", names)
	if err != nil {
		return nil, err
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	known := map[string]bool{}
	for _, name := range there {
		known[name] = true
	}
	return known, err
}

func (s *shelf) shareOne(ctx context.Context, name string, f *file) error {
	item := fetched{Name: name, Logical: f.Logical, Parts: f.Variants}
	var files []io.Reader
	var size int64
	for _, p := range f.Variants {
		file, err := os.Open(variantPath(s.output, name, p.Coding))
		if err != nil {
			return err
		}
		defer file.Close()
		files, size = append(files, file), size+p.Size
	}
	stored, err := s.depositFrom(ctx, item, io.MultiReader(files...), size)
	if err != nil {
		return err
	}
	used := ""
	err = s.change(ctx, func(tx pgx.Tx) error { return s.insert(ctx, tx, item, stored, false, &used) })
	s.dropUnused(ctx, stored, used, err)
	return err
}
