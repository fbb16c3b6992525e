package assets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
)

// Builder brings the built set up to date with static.root. Any number of processes may build into one directory: they
// take turns.
type Builder struct {
	config Config
	log    *slog.Logger
	now    func() time.Time
	// distrust are hashed names whose files are written anew, whatever they look like. Set between builds.
	distrust map[string]bool
}

// NewBuilder returns a builder. Root and Output of the configuration are absolute.
func NewBuilder(c Config, log *slog.Logger) *Builder {
	return &Builder{config: c, log: log, now: time.Now}
}

// Note is something that a build found and left as it is.
type Note struct {
	File   string `json:"file"`
	Target string `json:"target,omitempty"`
	Text   string `json:"text"`
}

// String returns the note for people.
func (n Note) String() string {
	if n.Target == "" {
		return n.File + ": " + n.Text
	}
	return fmt.Sprintf("%s: %q: %s", n.File, n.Target, n.Text)
}

// Report is what a build did.
type Report struct {
	Assets  int           `json:"assets"`  // logical names
	Bytes   int64         `json:"bytes"`   // of them, as they are
	Written []string      `json:"written"` // hashed names that are new
	Retired int           `json:"retired"` // names of former releases that are kept
	Removed int           `json:"removed"` // of those, how many had their time
	Notes   []Note        `json:"notes"`
	Took    time.Duration `json:"took_ns"`
}

const (
	// lockPatience is how long a build waits for another one, lockPause how often it looks.
	lockPatience = 5 * time.Minute
	lockPause    = 50 * time.Millisecond
)

// tries is how often a build begins anew because somebody writes to static.root meanwhile.
const tries = 3

// Build brings the set up to date. After an error the set that was there is as it was.
func (b *Builder) Build(ctx context.Context) (Report, error) {
	began := b.now()
	if b.config.Root == "" {
		return Report{}, fault.New(fault.Config, "no_static_root", "build assets: static.root is not set").
			WithHint(`write root = "/srv/app/static" below [static]`)
	}
	unlock, err := b.prepare(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("build assets: %w", err)
	}
	report, err := b.build(ctx)
	for try := 1; try < tries && errors.Is(err, errChanged); try++ {
		report, err = b.build(ctx)
	}
	if err != nil {
		err = fmt.Errorf("build assets: %w", err)
	}
	report.Took = b.now().Sub(began)
	if e := unlock(); err == nil {
		err = e
	}
	return report, err
}

// ownOutput makes a directory of the output directory's own part. An output directory that holds something else is refused,
// because a build removes files.
func ownOutput(output, dir string) error {
	entries, err := os.ReadDir(output)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(output, ownDir)); err != nil {
			return fault.New(fault.Conflict, "assets_output", "%s holds files that are none of ours", output).
				WithHint("name an empty directory, or one that does not exist, as static.output")
		}
	}
	return os.MkdirAll(dir, 0o755)
}

// prepare makes the output directory and takes its lock.
func (b *Builder) prepare(ctx context.Context) (unlock func() error, err error) {
	out := b.config.Output
	if err := ownOutput(out, tempDir(out)); err != nil {
		return nil, err
	}
	limit := time.NewTimer(lockPatience)
	defer limit.Stop()
	for {
		lock, err := atomicfile.TakeLock(filepath.Join(out, ownDir, "lock"))
		if err == nil {
			return lock.Release, nil
		}
		select {
		case <-time.After(lockPause):
		case <-limit.C:
			return nil, fault.New(fault.Unavailable, "assets_locked", "wait for another build: %w", err)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// plan is one build on its way.
type plan struct {
	*Builder
	began  time.Time
	scan   *scanner
	taken  taken
	old    *index
	next   *index
	edges  map[string][]string
	hashed map[string]string // logical name → hashed name
	work   []job
	notes  []Note
}

// job is a file that has to be written.
type job struct {
	logical, name string
	inputs        string
	rewritten     bool // its references are replaced
}

func (b *Builder) build(ctx context.Context) (Report, error) {
	p := &plan{Builder: b, began: b.now(), next: newIndex(), hashed: map[string]string{}, edges: map[string][]string{}}
	var err error
	if p.old, err = readIndex(b.config.Output); err != nil {
		return Report{}, err
	}
	if p.scan, err = scan(ctx, b.config); err != nil {
		return Report{}, err
	}
	defer p.scan.root.Close()
	p.taken = p.scan.takeOver()
	for name := range p.taken.files {
		delete(p.scan.found, name)
	}
	p.notes = p.scan.notes
	for _, step := range []func(context.Context) error{p.look, p.link, p.name, p.write, p.publish} {
		if err := step(ctx); err != nil {
			return Report{}, err
		}
	}
	return p.report(), nil
}

// look finds the digest and the references of every file, from the last build's notes where it was not touched since.
func (p *plan) look(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(p.scan.found)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := p.scan.found[name]
		known, ok := p.old.Sources[name]
		if !ok || !known.same(s) {
			var err error
			if known, err = p.examine(name, s); err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
		}
		if known.Broken != "" {
			p.note(name, "", known.Broken)
		}
		p.next.Sources[name] = known
	}
	return nil
}

// examine reads one file.
func (p *plan) examine(name string, s source) (source, error) {
	lang := languageOf(name)
	if lang == opaque || p.taken.hashed[name] || s.Size > maxCompressed {
		var err error
		s.SHA256, err = p.scan.digest(name)
		return p.settled(s), err
	}
	content, err := p.scan.read(name)
	if err != nil {
		return s, err
	}
	s.SHA256, s.Size = sum(content), int64(len(content))
	refs, err := lang.references(string(content))
	if err != nil {
		s.Broken = "left as it is: " + err.Error()
	}
	s.Refs, s.Maybe = p.site().targets(name, refs)
	return p.settled(s), nil
}

// settled forgets the times of a file that may be changed again without them changing.
func (p *plan) settled(s source) source {
	if p.began.Sub(s.MTime) < racy || p.began.Sub(s.Change) < racy {
		s.MTime = time.Time{}
	}
	return s
}

func (p *plan) site() site { return site{url: p.config.URL, base: p.config.BaseURL} }

func (p *plan) note(file, target, text string) {
	p.notes = append(p.notes, Note{file, target, text})
}

// fileOf returns the file that a logical name means: its own, or that of a manifest which was taken over.
func (p *plan) fileOf(name string) string {
	if file, ok := p.taken.names[name]; ok {
		return file
	}
	return name
}

// link finds the edges of the graph: references to what exists. A name from a manifest stands for the file that it leads
// to.
func (p *plan) link(context.Context) error {
	for name, s := range p.next.Sources {
		p.edges[name] = nil
		if p.taken.hashed[name] {
			continue
		}
		for i, ref := range slices.Concat(s.Refs, s.Maybe) {
			to := p.fileOf(ref)
			if _, ok := p.scan.found[to]; ok {
				p.edges[name] = append(p.edges[name], to)
			} else if i < len(s.Refs) {
				p.note(name, ref, "it is not there, so the reference is left as it is")
			}
		}
		slices.Sort(p.edges[name])
		p.edges[name] = slices.Compact(p.edges[name])
	}
	return nil
}
