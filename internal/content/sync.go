package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast/internal/atomicfile"
	"holdfast/internal/gitrepo"
	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// storeAttempts is how often a sync stores parts that left the store while it worked.
const storeAttempts = 5

// job is one sync of one source.
type job struct {
	c      *Content
	log    *slog.Logger
	token  int64 // of the role
	name   string
	cfg    SourceConfig
	preset revision.Preset
	limits treepack.Limits
	how    effort
	step   func(string)

	repo     *repo
	id       int64 // of the source's row
	current  *Publication
	previous *revision.Index // of current; nil without one, or when it cannot be read
	purged   map[treepack.PartID]bool
	report   *Report
}

// effort says how much of a sync is done though nothing seems to have changed.
type effort int

const (
	usual      effort = iota // nothing
	again                    // a revision is published even of the same tree
	regenerate               // besides, the index owes nothing to the one before, and each part is verified in the store
)

func (r SyncRequest) effort() effort {
	switch {
	case r.Regenerate:
		return regenerate
	case r.Republish:
		return again
	}
	return usual
}

// sync looks at the branch of a source once, and publishes what is new. Whatever happens before its publish, nobody sees.
func (c *Content) sync(ctx context.Context, token int64, name string, how effort, step func(string)) (*Report, error) {
	settings := c.cfg()
	cfg, ok := settings.Sources[name]
	if !ok {
		return nil, c.noRevision(name, "current")
	}
	start := time.Now()
	j := &job{
		c: c, log: c.log.With("source", name), token: token, name: name, cfg: cfg, limits: settings.limits(), how: how,
		step:   func(text string) { c.opts.Observe(name, text); step(text) },
		report: &Report{Source: name, Forced: how != usual, At: start.UTC()},
	}
	j.preset, _ = settings.preset(cfg.Preset)
	err := j.run(ctx)
	j.report.Took.Total = since(start)
	if err != nil {
		return j.report, fmt.Errorf("sync %s: %w", name, err)
	}
	return j.report, nil
}

func (j *job) run(ctx context.Context) error {
	if err := j.load(ctx); err != nil {
		return err
	}
	repo, err := j.open(ctx)
	if err != nil {
		return err
	}
	j.repo = repo
	defer j.c.producer.repos.give(repo)
	j.step("fetching")
	fetching := time.Now()
	head, err := repo.Fetch(ctx, j.cfg.Branch, func(line string) { j.step("fetching: " + line) })
	if err != nil {
		return err
	}
	j.report.Head, j.report.Took.Fetch = head.String(), since(fetching)
	j.step("fetched " + head.String())
	root, err := j.lookAt(ctx, repo.Reader(), head)
	if err != nil {
		return fmt.Errorf("commit %s: %w", head, err)
	}
	if j.nothingNew(root) {
		return j.recordLook(ctx)
	}
	if err := j.audit(ctx, head); err != nil {
		return err
	}
	if err := j.publishCommit(ctx, repo.Reader(), head, root); err != nil {
		return fmt.Errorf("commit %s: %w", head, err)
	}
	tending := time.Now()
	j.afterwards(ctx, head)
	j.report.Took.Tend = since(tending)
	return nil
}

// audit notes whether the branch was rewritten since the last revision. It is published all the same: what counts is the tree.
func (j *job) audit(ctx context.Context, head treepack.ID) error {
	if j.current == nil {
		return nil
	}
	descends, known, err := j.repo.Descends(ctx, head, j.current.Commit)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil || !known:
		j.log.WarnContext(ctx, "it cannot be told whether the branch was rewritten", "error", err)
	case !descends:
		j.report.Rewritten = true
		j.log.WarnContext(ctx, "the branch was rewritten: the last revision is not among its ancestors", "before", j.current.Commit, "now", head)
	}
	return nil
}

// load reads what is current, and makes the source's row if it is new.
func (j *job) load(ctx context.Context) (err error) {
	if j.id, err = j.c.sourceID(ctx, j.name); err != nil {
		return err
	}
	if j.purged, err = j.c.purgedParts(ctx); err != nil {
		return err
	}
	all, err := j.c.currents(ctx, j.id)
	if err != nil || len(all) == 0 {
		return err
	}
	j.current = &all[0]
	j.report.Seq, j.report.Commit, j.report.Previous = j.current.Seq, j.current.Commit.String(), j.current.Commit.String()
	return nil
}

// open opens the mirror, unless it is open from the sync before.
func (j *job) open(ctx context.Context) (*repo, error) {
	if r := j.c.producer.repos.take(j.name, j.cfg); r != nil {
		return r, nil
	}
	opened, err := j.c.openMirror(ctx, j.name, j.cfg, j.c.log.With("source", j.name))
	if err != nil {
		return nil, err
	}
	return &repo{Repo: opened, name: j.name, cfg: j.cfg}, nil
}

func (c *Content) openMirror(ctx context.Context, name string, cfg SourceConfig, log *slog.Logger) (*gitrepo.Repo, error) {
	if err := os.MkdirAll(c.opts.Mirrors, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of mirrors: %w", err)
	}
	key := ""
	if !cfg.DeployKey.IsZero() {
		key = filepath.Join(c.opts.Mirrors, name+".key")
		text := strings.TrimRight(cfg.DeployKey.Reveal(), "\n") + "\n" // ssh insists on the last newline
		if old, err := os.ReadFile(key); err != nil || string(old) != text {
			if err := atomicfile.WriteFile(key, []byte(text), 0o600); err != nil {
				return nil, fmt.Errorf("write the deploy key for ssh: %w", err)
			}
		}
	}
	return gitrepo.Open(ctx, gitrepo.Options{
		Dir: filepath.Join(c.opts.Mirrors, name+".git"), URL: cfg.Git, KeyFile: key, KnownHosts: cfg.KnownHosts, Token: cfg.Token,
		Stall: c.cfg().FetchStall.D(), MaxBytes: int64(c.cfg().MaxRepository), Git: c.opts.Git, Log: log,
	})
}

// lookAt returns the tree of the course in a commit.
func (j *job) lookAt(ctx context.Context, objects *gitrepo.Objects, head treepack.ID) (root treepack.ID, err error) {
	info, err := objects.Commit(ctx, head)
	if err != nil {
		return root, err
	}
	j.report.Author, j.report.Subject = info.Author, info.Subject
	return objects.Below(ctx, info.Tree, j.cfg.Root)
}

// nothingNew reports whether the revision that the commit would make is the current one: the same tree under the same rules.
// Then the commit changed nothing below the root, and is noted as the head without a revision of its own.
func (j *job) nothingNew(root treepack.ID) bool {
	digest := j.digest()
	return j.how == usual && j.current != nil && j.current.root == root && bytes.Equal(j.current.preset, digest[:])
}

// digest identifies the rules, limits and policies that an index is made by.
func (j *job) digest() [32]byte { return j.preset.Digest(j.buildOptions()) }

func (j *job) buildOptions() revision.BuildOptions {
	return revision.BuildOptions{
		Limits: j.limits, Links: j.cfg.Links, Submodules: j.cfg.Submodules, Memo: j.c.memo,
	}
}

// publishCommit makes a revision of a commit and publishes it.
func (j *job) publishCommit(ctx context.Context, objects *gitrepo.Objects, head, root treepack.ID) error {
	j.c.storing.RLock()
	defer j.c.storing.RUnlock()
	building := time.Now()
	ix, err := j.build(ctx, objects, root)
	if err != nil {
		return err
	}
	ix.Source, ix.Seq, ix.Commit = j.name, j.nextSeq(), head
	j.report.Took.Build = since(building)
	j.step("built")
	src := ix.Overlay(objects)
	packing := time.Now()
	err = j.storeNew(ctx, src, ix)
	j.report.Took.Upload = since(packing)
	if err != nil {
		return err
	}
	if j.how == regenerate {
		if err := j.verify(ctx, src, ix); err != nil {
			return err
		}
	}
	for attempt := 1; ; attempt++ {
		err := j.seal(ctx, ix)
		gone := (*partsGone)(nil)
		if !errors.As(err, &gone) || attempt == storeAttempts {
			return err
		}
		j.log.InfoContext(ctx, "parts left the store meanwhile, and are stored again", "parts", len(gone.parts))
		if err := j.storeAll(ctx, src, ix, gone.parts); err != nil {
			return err
		}
	}
}

// build makes the index of a tree, without what was purged.
func (j *job) build(ctx context.Context, objects treepack.Source, root treepack.ID) (*revision.Index, error) {
	o := j.buildOptions()
	if j.current != nil {
		previous, err := j.readPrevious(ctx)
		if err != nil {
			j.log.WarnContext(ctx, "the index of the current revision cannot be read: everything is looked at anew", "error", err)
			j.report.Notes = append(j.report.Notes, "the index of the current revision could not be read: "+err.Error())
		}
		j.previous = previous
	}
	if j.how != regenerate {
		o.Previous = j.previous
	}
	j.step("building")
	ix, err := revision.Build(ctx, objects, root, j.preset, o)
	if err != nil {
		return nil, err
	}
	rejectPurged(ix, j.purged)
	return ix, nil
}

// readPrevious reads the index of what is current. The one that this process published itself is at hand.
func (j *job) readPrevious(ctx context.Context) (*revision.Index, error) {
	if data, ok := j.repo.stored(*j.current); ok {
		if ix, err := j.c.decodeIndex(*j.current, data); err == nil {
			return ix, nil
		}
	}
	return j.c.readIndex(ctx, *j.current)
}

func (j *job) nextSeq() int64 {
	if j.current == nil {
		return 1
	}
	return j.current.Seq + 1
}

// seal stores the signed index and publishes the revision.
func (j *job) seal(ctx context.Context, ix *revision.Index) error {
	data, err := ix.Encode(j.c.signing)
	if err != nil {
		return fmt.Errorf("encode index: %w", err)
	}
	p := newPublication(j.name, ix, data)
	p.source = j.id
	j.step("storing the index")
	storing := time.Now()
	err = j.c.putIndex(ctx, p.Index, data)
	j.report.Took.Upload += since(storing)
	if err != nil {
		return err
	}
	j.step("index stored")
	publishing := time.Now()
	j.describe(ix)
	err = j.publish(ctx, p, ix)
	j.report.Took.Publish = since(publishing)
	if err != nil {
		return err
	}
	j.repo.remember(p, data)
	j.report.Published = true
	j.step("published")
	return nil
}

// describe fills in the report what the revision changes.
func (j *job) describe(ix *revision.Index) {
	r := j.report
	r.Seq, r.Commit, r.Chunks, r.Rejected = ix.Seq, ix.Commit.String(), len(ix.Chunks), ix.Rejected
	r.Warned = ix.Warned
	r.Changes = revision.Compare(j.previous, ix)
	parts := ix.Parts()
	r.Reused = Amount{}
	for _, p := range parts {
		r.Reused.add(p.Packed)
	}
	r.Reused.Parts -= r.Uploaded.Parts
	r.Reused.Bytes -= r.Uploaded.Bytes
}

// tendEachTime is how many revisions are published between two times that the mirror lets go of old commits and is packed anew.
const tendEachTime = 16

// afterwards does what may fail without harm: the revision is published.
func (j *job) afterwards(ctx context.Context, head treepack.ID) {
	repo := j.repo.Repo
	err := repo.Keep(ctx, j.report.Seq, head)
	if err == nil && j.report.Seq%tendEachTime == 0 {
		// A chunk that keeps its last good content may need a commit that is long gone, and without a store nothing else has it.
		if j.c.local == nil {
			err = j.forget(ctx, repo)
		}
		if err == nil {
			err = repo.Maintain(ctx)
		}
	}
	if err != nil && ctx.Err() == nil {
		j.log.WarnContext(ctx, "keep the commits of revisions in the mirror", "error", err)
		j.report.Notes = append(j.report.Notes, "the mirror could not be tended: "+err.Error())
	}
	j.step("kept")
}

// forget lets the mirror drop commits of revisions that are gone.
func (j *job) forget(ctx context.Context, repo *gitrepo.Repo) error {
	seqs, err := j.c.keptSeqs(ctx, j.id)
	if err != nil {
		return err
	}
	return repo.Forget(ctx, func(seq int64) bool { return seqs[seq] })
}
