package assets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"holdfast/internal/postgres"
)

// manifestPatience is how long the manifests wait for a build that is under way.
const manifestPatience = 10 * time.Second

// openShelf fetches what other nodes have, shares what is built here, and listens for changes.
func (a *Assets) openShelf(ctx context.Context) error {
	if err := a.sync(ctx, true); err != nil {
		a.failed(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, shareTimeout)
	shared := a.share(limited)
	cancel()
	if shared != nil {
		a.failed(ctx, shared)
	}
	listener := postgres.NewListener(a.shelf.db, a.log, nil, postgres.Subscription{
		Channel: channel,
		Notify:  func(string) { a.tell() },
		Resync:  func(context.Context) error { a.tell(); return nil },
	})
	if err := listener.Start(ctx); err != nil {
		return err
	}
	a.life.Go(func(ctx context.Context) {
		a.follow(ctx, shared == nil)
		_ = listener.Stop(context.WithoutCancel(ctx)) // it only ends a connection
	})
	return nil
}

func (a *Assets) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		a.report(WorkShare, err)
		a.log.WarnContext(ctx, "assets are not exchanged with other nodes", "error", err)
	}
}

// tell lets follow look now.
func (a *Assets) tell() {
	select {
	case a.told <- struct{}{}:
	default:
	}
}

// follow looks for changes whenever one is notified, and now and then, and does the chores.
func (a *Assets) follow(ctx context.Context, shared bool) {
	every := time.NewTicker(syncEvery)
	defer every.Stop()
	chores := time.Now().Add(choresEvery)
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.told:
		case <-every.C:
		}
		if err := a.sync(ctx, false); err != nil {
			a.failed(ctx, err)
			continue
		}
		if shared && time.Now().Before(chores) {
			continue
		}
		err := errors.Join(a.share(ctx), a.shelf.expire(ctx))
		if shared = err == nil; shared {
			chores = time.Now().Add(choresEvery)
		} else {
			a.failed(ctx, err)
		}
	}
}

// sync serves what the shelf has now. Only assets whose files are here are served; the others are tried again.
func (a *Assets) sync(ctx context.Context, first bool) error {
	if err := a.loading.lock(ctx); err != nil {
		return err
	}
	defer a.loading.unlock()
	a.asked.Store(time.Now().UnixNano())
	version, err := a.shelf.version(ctx)
	if err != nil || version == a.version && !first {
		return err
	}
	rows, version, err := a.shelf.rows(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(x, y row) int { return strings.Compare(x.Name, y.Name) })
	before := a.others
	if first {
		before = readFetched(a.config().Output)
	}
	fetched, fetchErr := a.shelf.fetchAll(ctx, rows)
	a.others = fetched
	a.swap(ctx)
	err = errors.Join(fetchErr, a.noteFetched(ctx, before))
	if err == nil {
		a.version = version
		a.report(WorkShare, nil)
	}
	return err
}

// noteFetched brings the notes and manifests on disk up to date, and removes what is on the shelf no more. Callers must
// hold loading.
func (a *Assets) noteFetched(ctx context.Context, before []fetched) error {
	if err := writeFetched(a.config().Output, a.others); err != nil {
		return err
	}
	for _, f := range before {
		gone := !slices.ContainsFunc(a.others, func(g fetched) bool { return g.Name == f.Name })
		_, plain := a.index.Sources[f.Name]
		if gone && !plain && a.index.Files[f.Name] == nil {
			if err := removeVariants(a.config().Output, f.Name); err != nil {
				a.log.WarnContext(ctx, "a file of an asset that expired cannot be removed", "name", f.Name, "error", err)
			}
		}
	}
	if !slices.ContainsFunc(slices.Concat(a.others, before), func(f fetched) bool { return f.Current }) {
		return nil // the manifests are those of the build
	}
	ctx, cancel := context.WithTimeout(ctx, manifestPatience)
	defer cancel()
	unlock, err := a.tuned.Load().builder.prepare(ctx)
	if err != nil {
		return err // tried again at the next look
	}
	x, err := readIndex(a.config().Output)
	if err == nil {
		err = writeManifests(a.config(), x, a.others)
	}
	return errors.Join(err, unlock())
}

// maybeElsewhere looks on the shelf for a name that nobody here knows, if it may be a hashed one, and reports whether it is
// worth asking again. Requests that wait share one look.
func (a *Assets) maybeElsewhere(ctx context.Context, path string) bool {
	name := strings.TrimPrefix(path, a.config().URL)
	if a.shelf == nil || !hasDigest(name) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, missTimeout)
	defer cancel()
	came := time.Now().UnixNano()
	if a.missing.lock(ctx) != nil {
		return false
	}
	defer a.missing.unlock()
	if asked := a.asked.Load(); asked < came {
		select {
		case <-time.After(time.Until(time.Unix(0, asked).Add(syncGap))):
		case <-ctx.Done():
			return false
		}
		if err := a.sync(ctx, false); err != nil {
			a.failed(ctx, err)
		}
	}
	return a.set.Load().resources[name] != nil
}

// hasDigest reports whether a name looks like one that we made.
func hasDigest(name string) bool {
	for part := range strings.SplitSeq(name[strings.LastIndexByte(name, '/')+1:], ".") {
		if len(part) >= nameLength && strings.Trim(part, "0123456789abcdef") == "" {
			return true
		}
	}
	return false
}

// watch serves what a command built, and builds itself in development whenever a file changes.
func (a *Assets) watch(ctx context.Context) {
	every := time.NewTicker(watchEvery)
	defer every.Stop()
	seen := a.look(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		if now := a.look(ctx); now != seen && a.config().Build == BuildWatch {
			seen = now
			if _, err := a.Build(ctx); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "assets cannot be built", "error", err)
				if errors.Is(err, errChanged) {
					seen = "" // somebody still writes: look again
				}
			}
		}
		if a.indexChanged(ctx) {
			if err := a.reload(ctx); err != nil {
				a.log.WarnContext(ctx, "assets cannot be loaded", "error", err)
			} else if err := a.share(ctx); err != nil && ctx.Err() == nil {
				a.failed(ctx, err)
			}
		}
	}
}

// look returns a digest of names, sizes and times below static.root; "" when that is not watched.
func (a *Assets) look(ctx context.Context) string {
	if a.config().Build != BuildWatch {
		return ""
	}
	s, err := scan(ctx, a.config())
	if err != nil {
		return err.Error()
	}
	defer s.root.Close()
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s.found)) {
		f := s.found[name]
		fmt.Fprintf(h, "%q %d %d %d %d\n", name, f.Size, f.MTime.UnixNano(), f.Change.UnixNano(), f.Inode)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// indexChanged reports whether somebody else built: the index is replaced by rename, so it is another file then.
func (a *Assets) indexChanged(ctx context.Context) bool {
	info, err := os.Stat(indexPath(a.config().Output))
	if err != nil {
		return false
	}
	if a.loading.lock(ctx) != nil {
		return false
	}
	defer a.loading.unlock()
	return a.stamp == nil || !os.SameFile(a.stamp, info)
}
