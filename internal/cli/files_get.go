package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/atomicfile"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/files"
)

const filesGetHelp = `Fetch files.

Usage:
  holdfast files get BUCKET/KEY [FILE] [--force] [--json]
  holdfast files get -r BUCKET/[PREFIX/] DIRECTORY [--force] [--json]

FILE is the last part of the key when it is not named, and "-" is standard output. A file appears under its name when it is
complete and its digest is right, never before. What is there already with the same content is left alone, so that an
interrupted run can be repeated.

Options:
      --force         replace local files
  -r, --recursive     every key that begins with PREFIX, with directories for its slashes

With --json the output is one object to a line, as of "files stat", with path, and kept (true) where nothing had to be
fetched; progress goes to standard error, an object to a line.

EXIT STATUS
  0, 4 when there is no such file, 6 when another local file is in the way, 9 when the content did not arrive whole, 11 when
  some files were fetched and some were not

EXAMPLE
  holdfast files get -r papers/2026/ ./papers
`

// filesGetOptions are the options of files get.
type filesGetOptions struct {
	recursive, force bool
}

func newFilesGet(a *app) *cobra.Command {
	var o filesGetOptions
	c := a.command("get", "fetch files", filesGetHelp, 1, 2, func(c *cobra.Command, args []string) error {
		if o.recursive {
			return runFilesGetAll(c, a, args, o)
		}
		name, err := parseObject(c, args[0])
		if err != nil {
			return err
		}
		to := path.Base(name.key)
		if len(args) == 2 {
			to = args[1]
		}
		if info, err := os.Stat(to); err == nil && info.IsDir() {
			to = filepath.Join(to, path.Base(name.key))
		}
		return runFilesGet(c.Context(), a, []getJob{{name, to}}, o)
	})
	c.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "")
	c.Flags().BoolVar(&o.force, "force", false, "")
	return c
}

// getJob is one file to fetch.
type getJob struct {
	from objectName
	file string // "-" for standard output
}

func runFilesGetAll(c *cobra.Command, a *app, args []string, o filesGetOptions) error {
	if len(args) != 2 {
		return usage(c, "with -r name a BUCKET/PREFIX and a directory")
	}
	from, err := parseName(c, args[0])
	if err != nil {
		return err
	}
	var jobs []getJob
	base := from.key[:strings.LastIndexByte(from.key, '/')+1]
	unsafe := 0
	err = eachPage(c.Context(), a, from, true, func(page files.ListObjectsAnswer) error {
		for _, f := range page.Objects {
			rel := strings.TrimPrefix(f.Key, base)
			name := objectName{f.Bucket, f.Key}
			if !filepath.IsLocal(rel) || rel != path.Clean(rel) {
				unsafe++
				a.fileFailed(name.String(), fault.New(fault.Invalid, "unsafe_name", "the key cannot be the name of a file here"))
				continue
			}
			jobs = append(jobs, getJob{name, filepath.Join(args[1], rel)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := runFilesGet(c.Context(), a, jobs, o); err != nil || unsafe == 0 {
		return err
	}
	return partial(len(jobs), unsafe)
}

func runFilesGet(ctx context.Context, a *app, jobs []getJob, o filesGetOptions) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	d := &downloader{app: a, client: client, options: o}
	return a.eachFile(ctx, len(jobs), func(ctx context.Context, i int, p *progress) error {
		return d.get(ctx, jobs[i], p)
	}, func(i int) string { return jobs[i].from.String() })
}

// downloader fetches files.
type downloader struct {
	app     *app
	client  *control.Client
	options filesGetOptions
}

// fetchedLine is a line of "files get --json".
type fetchedLine struct {
	files.ObjectInfo
	Path string `json:"path"`
	Kept bool   `json:"kept,omitempty"`
}

func (d *downloader) get(ctx context.Context, job getJob, p *progress) error {
	info, err := control.Call[files.ObjectInfo](ctx, d.client, routeStat, files.ObjectRef{Bucket: job.from.bucket, Key: job.from.key})
	if err != nil {
		return err
	}
	if job.file == "-" {
		return d.fetch(ctx, info, d.app.stdout, p)
	}
	kept, err := d.inTheWay(job.file, info)
	if err == nil && !kept {
		err = d.save(ctx, job.file, info, p)
	}
	if err != nil {
		return localError(err)
	}
	return d.told(fetchedLine{info, job.file, kept})
}

// inTheWay reports whether the file is there already with the right content; another content is a conflict.
func (d *downloader) inTheWay(file string, info files.ObjectInfo) (bool, error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if sameContent(f, info) {
		return true, nil
	}
	if d.options.force {
		return false, nil
	}
	return false, fault.New(fault.Conflict, "file_exists", "%s exists with another content", file).
		WithHint("name another file, or replace it with --force")
}

// save writes the file under its name once it is complete.
func (d *downloader) save(ctx context.Context, file string, info files.ObjectInfo, p *progress) error {
	if dir := filepath.Dir(file); d.options.recursive {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	f, err := atomicfile.Create(file, 0o644)
	if err != nil {
		return err
	}
	if err := d.fetch(ctx, info, f, p); err != nil {
		return errors.Join(err, f.Discard())
	}
	if d.options.force {
		return f.Commit()
	}
	return f.CommitNew()
}

// fetch writes the content to w and makes sure that it is what was announced.
func (d *downloader) fetch(ctx context.Context, info files.ObjectInfo, w io.Writer, p *progress) error {
	q := url.Values{"bucket": {info.Bucket}, "key": {info.Key}}
	resp, err := d.client.Do(ctx, http.MethodGet, routeContent, q, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	t := p.file(info.Bucket+"/"+info.Key, info.Size)
	defer t.end()
	want, sum := digestOf(info)
	n, err := io.Copy(io.MultiWriter(w, sum), t.reader(resp.Body))
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case err != nil:
		return fmt.Errorf("fetch %s/%s: %w", info.Bucket, info.Key, err)
	case n != info.Size || want != "" && got != want:
		return fault.New(fault.Invalid, "digest", "%s/%s: what arrived is not what was announced (%d of %d bytes)", info.Bucket, info.Key, n, info.Size).
			WithHint("it may have been replaced meanwhile: run the command again")
	}
	return nil
}

func (d *downloader) told(l fetchedLine) error {
	if d.app.json {
		return d.app.line(l)
	}
	verb := "fetched"
	if l.Kept {
		verb = "kept   "
	}
	d.app.printf("%s %s  (%s)\n", verb, l.Path, size(l.Size))
	return nil
}
