package assets

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
)

// write brings the new files under their hashed names. Nothing points at them yet, and all of them are durable when it
// returns. What a build that died left is known by the list of names that it was about to write.
func (p *plan) write(ctx context.Context) error {
	if err := os.RemoveAll(tempDir(p.config.Output)); err != nil {
		return err
	}
	p.sweepTemps()
	if err := os.Mkdir(tempDir(p.config.Output), 0o755); err != nil {
		return err
	}
	if len(p.work) == 0 {
		return nil
	}
	names := p.intended() // of builds before that did not live to finish
	for _, j := range p.work {
		names = append(names, j.name)
	}
	if err := p.intend(names); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, j := range p.work {
		f := p.next.Files[j.name]
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := p.writeFile(j, f); err != nil {
				return fmt.Errorf("write %s: %w", j.name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return p.syncDirs()
}

// sweepTemps removes what builds that died left of manifests: only who holds the lock writes those. What cannot be removed
// takes room, and nothing else.
func (p *plan) sweepTemps() {
	for _, dir := range []string{p.config.Output, filepath.Join(p.config.Output, filepath.Dir(viteManifest))} {
		entries, _ := os.ReadDir(dir) // it may not be there yet
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), atomicfile.TempPrefix) {
				_ = os.Remove(filepath.Join(dir, e.Name()))
			}
		}
	}
}

// writeFile writes an asset in all its variants, each to a temporary file that then takes its name.
func (p *plan) writeFile(j job, f *file) error {
	src := p.next.Sources[j.logical]
	if !j.rewritten && (!compressible(j.logical) || src.Size > maxCompressed) {
		return p.copyFile(j, f, src.SHA256)
	}
	content, err := p.scan.read(j.logical)
	if err != nil {
		return err
	}
	if sum(content) != src.SHA256 {
		return errChanged
	}
	if j.rewritten {
		text := string(content)
		refs, err := languageOf(j.logical).references(text)
		if err != nil {
			return err
		}
		content = []byte(p.site().rewrite(j.logical, text, refs, func(name string) string { return p.hashed[p.fileOf(name)] }))
	}
	f.Variants, err = writeVariants(p.config.Output, j.name, content)
	return err
}

// errChanged is a source that was written to while it was read. The next build finds it settled.
var errChanged = &fault.Error{
	Kind: fault.Conflict, Code: "asset_changed", Hint: "run it again when nothing writes to static.root",
	Err: errors.New("the file changed while it was read"),
}

// writeVariants writes the content and its compressed forms, where they are smaller.
func writeVariants(output, name string, content []byte) ([]part, error) {
	parts := []part{{Identity, int64(len(content)), sum(content)}}
	if err := place(output, name, content); err != nil {
		return nil, err
	}
	for _, c := range codings() {
		if !compressible(name) || len(content) > maxCompressed {
			break
		}
		small, err := compress(c, content)
		if err != nil {
			return nil, err
		}
		if len(small) >= len(content) {
			continue
		}
		if err := place(output, name+c.suffix(), small); err != nil {
			return nil, err
		}
		parts = append(parts, part{c, int64(len(small)), sum(small)})
	}
	return parts, nil
}

// copyFile copies a file that stays as it is; the kernel shares its blocks where the file system can.
func (p *plan) copyFile(j job, f *file, want string) error {
	from, err := p.scan.root.Open(j.logical)
	if err != nil {
		return err
	}
	defer from.Close()
	temp, err := createTemp(p.config.Output)
	if err != nil {
		return err
	}
	defer temp.Close()
	size, err := io.Copy(temp, from)
	if err != nil {
		return err
	}
	if _, err := temp.Seek(0, io.SeekStart); err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, temp); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != want {
		return errChanged
	}
	f.Variants = []part{{Identity, size, want}}
	return finish(temp, p.config.Output, j.name)
}

func tempDir(output string) string { return filepath.Join(output, ownDir, "tmp") }

func createTemp(output string) (*os.File, error) {
	return os.OpenFile(filepath.Join(tempDir(output), rand.Text()), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
}

// place gives content a name in the set. The name is not durable before syncDirs.
func place(output, name string, content []byte) error {
	temp, err := createTemp(output)
	if err != nil {
		return err
	}
	defer temp.Close()
	if _, err := temp.Write(content); err != nil {
		return err
	}
	return finish(temp, output, name)
}

// finish makes the content of a temporary file durable and gives it its name.
func finish(temp *os.File, output, name string) error {
	if err := temp.Chmod(0o644); err != nil { // a web server under another account reads it, whatever the umask
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	to := filepath.Join(output, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Rename(temp.Name(), to)
}

// syncDirs makes the names durable that this build gave. (syncfs(2) would be one call, and would wait for everything that
// others write to the same file system.)
func (p *plan) syncDirs() error {
	dirs := map[string]bool{}
	for _, j := range p.work {
		for dir := filepath.Dir(p.path(j.name, Identity)); !dirs[dir] && within(dir, p.config.Output); dir = filepath.Dir(dir) {
			dirs[dir] = true
			if err := atomicfile.SyncDir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func intentPath(output string) string { return filepath.Join(output, ownDir, "intent.json") }

// intend notes the names that are about to be written, or still to be removed.
func (p *plan) intend(names []string) error {
	b, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(intentPath(p.config.Output), b, 0o644)
}

func (p *plan) intended() (names []string) {
	b, err := os.ReadFile(intentPath(p.config.Output))
	if err != nil || json.Unmarshal(b, &names) != nil {
		return nil // there is none: the last build ended well
	}
	return names
}

// removeVariants removes a name with all its variants, which need not be there.
func removeVariants(output, name string) error {
	var all []error
	for _, c := range append(codings(), Identity) {
		if err := os.Remove(variantPath(output, name, c)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
