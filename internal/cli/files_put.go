package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/files"
)

const filesPutHelp = `Store files.

Usage:
  holdfast files put FILE BUCKET/KEY [OPTIONS] [--json]
  holdfast files put FILE... BUCKET/[PREFIX/] [OPTIONS] [--json]
  holdfast files put -r DIRECTORY BUCKET/[PREFIX/] [OPTIONS] [--json]

A target that ends in a slash takes files under their own names. "-" is standard input, and needs a key. When the command
says that a file is stored, it survives a crash. What is there already with the same content is left alone with -r, so
that an interrupted run can be repeated.

Options:
  -r, --recursive     everything below a directory; symbolic links are skipped
      --type TYPE     the media type (default: what the content looks like)
      --ttl DURATION  the files are deleted after that time (default: the bucket's rule)
      --new           refuse to replace a file

With --json the output is one object to a line, as of "files stat", with kept (true) where nothing had to be sent; progress
goes to standard error, an object to a line.

EXIT STATUS
  0, 4 when there is no such bucket or local file, 6 when a file is there already (--new), 8 when the disk or the bucket is
  full, 9 when the content is not what the bucket takes, 11 when some files were stored and some were not

EXAMPLE
  holdfast files put -r ./scans papers/archive/
`

// filesPutOptions are the options of files put.
type filesPutOptions struct {
	recursive, create bool
	mediaType         string
	ttl               durationFlag
}

func newFilesPut(a *app) *cobra.Command {
	var o filesPutOptions
	c := a.command("put", "store files", filesPutHelp, 2, -1, func(c *cobra.Command, args []string) error {
		target, err := parseName(c, args[len(args)-1])
		if err != nil {
			return err
		}
		jobs, err := putJobs(c, args[:len(args)-1], target, o)
		if err != nil {
			return err
		}
		return runFilesPut(c.Context(), a, jobs, o)
	})
	c.Flags().BoolVarP(&o.recursive, "recursive", "r", false, "")
	c.Flags().StringVar(&o.mediaType, "type", "", "")
	c.Flags().Var(&o.ttl, "ttl", "")
	c.Flags().BoolVar(&o.create, "new", false, "")
	return c
}

// putJob is one file to store.
type putJob struct {
	file string // "-" for standard input
	to   objectName
}

// putJobs lists what to store where.
func putJobs(c *cobra.Command, sources []string, to objectName, o filesPutOptions) ([]putJob, error) {
	intoPrefix := to.key == "" || strings.HasSuffix(to.key, "/")
	switch {
	case o.recursive && (len(sources) != 1 || !intoPrefix):
		return nil, usage(c, "with -r name one directory and a target that ends in a slash")
	case o.recursive:
		return walkDirectory(sources[0], to)
	case len(sources) > 1 && !intoPrefix:
		return nil, usage(c, "several files need a target that ends in a slash")
	}
	var jobs []putJob
	for _, file := range sources {
		job := putJob{file, to}
		if intoPrefix {
			if file == "-" {
				return nil, usage(c, "standard input has no name: name a key")
			}
			job.to.key += filepath.Base(file)
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

func walkDirectory(dir string, to objectName) ([]putJob, error) {
	var jobs []putJob
	err := filepath.WalkDir(dir, func(file string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		jobs = append(jobs, putJob{file, objectName{to.bucket, to.key + filepath.ToSlash(rel)}})
		return err
	})
	return jobs, localError(err)
}

// localError gives the kind to an error about a file of this machine.
func localError(err error) error {
	switch {
	case err == nil:
		return nil
	case os.IsNotExist(err):
		return &fault.Error{Kind: fault.NotFound, Code: "no_such_file", Err: err}
	case os.IsPermission(err):
		return &fault.Error{Kind: fault.Denied, Code: "file_denied", Err: err}
	}
	return err
}

func runFilesPut(ctx context.Context, a *app, jobs []putJob, o filesPutOptions) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	defer client.Close()
	u := &uploader{app: a, client: client, options: o}
	return a.eachFile(ctx, len(jobs), func(ctx context.Context, i int, p *progress) error {
		return u.put(ctx, jobs[i], p)
	}, func(i int) string { return jobs[i].to.String() })
}

// uploader stores files.
type uploader struct {
	app     *app
	client  *control.Client
	options filesPutOptions
}

// storedLine is a line of "files put --json".
type storedLine struct {
	files.ObjectInfo
	Kept bool `json:"kept,omitempty"`
}

func (u *uploader) put(ctx context.Context, job putJob, p *progress) error {
	body, size, err := u.open(ctx, job.file)
	if err != nil {
		return localError(err)
	}
	defer body.Close()
	if f, ok := body.(*os.File); ok && u.options.recursive {
		if info, same := u.unchanged(ctx, job.to, f, size); same {
			return u.told(storedLine{info, true})
		}
	}
	t := p.file(job.to.String(), size)
	defer t.end()
	sum := sha256.New()
	info, err := u.send(ctx, job.to, io.TeeReader(t.reader(body), sum), size)
	if err != nil {
		return err
	}
	if want := hex.EncodeToString(sum.Sum(nil)); info.SHA256 != "" && info.SHA256 != want {
		return fault.New(fault.Invalid, "digest", "stored with SHA-256 %s, but %s was sent", info.SHA256, want)
	}
	return u.told(storedLine{info, false})
}

func (u *uploader) open(ctx context.Context, file string) (io.ReadCloser, int64, error) {
	if file == "-" {
		return endless(ctx, u.app.stdin), -1, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: use -r", file)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return endless(ctx, f), -1, nil
	}
	return f, info.Size(), nil
}

// endless reads from what may never give anything, as a pipe or a terminal, until the context ends.
func endless(ctx context.Context, r io.Reader) io.ReadCloser {
	here, there := io.Pipe()
	go func() { // ends with the input, at the latest with the process: nothing calls a read from a pipe back
		_, err := io.Copy(there, r)
		there.CloseWithError(err)
	}()
	context.AfterFunc(ctx, func() { there.CloseWithError(ctx.Err()) }) // which is what the reader then gets
	return here
}

// unchanged reports whether the object is there already with the content of the file, which is left at its beginning.
func (u *uploader) unchanged(ctx context.Context, name objectName, f *os.File, size int64) (files.ObjectInfo, bool) {
	info, err := control.Call[files.ObjectInfo](ctx, u.client, routeStat, files.ObjectRef{Bucket: name.bucket, Key: name.key})
	if err != nil || info.Size != size {
		return info, false
	}
	same := sameContent(f, info)
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return info, false
	}
	return info, same
}

func (u *uploader) send(ctx context.Context, to objectName, body io.Reader, size int64) (files.ObjectInfo, error) {
	var info files.ObjectInfo
	q := url.Values{"bucket": {to.bucket}, "key": {to.key}}
	if u.options.mediaType != "" {
		q.Set("type", u.options.mediaType)
	}
	if u.options.ttl.Duration != 0 {
		q.Set("ttl", u.options.ttl.String())
	}
	if u.options.create {
		q.Set("create", "1")
	}
	resp, err := u.client.Do(ctx, http.MethodPut, routeContent, q, control.Sized(body, size))
	if err != nil {
		return info, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&info); err != nil {
		return info, fmt.Errorf("read answer: %w", err)
	}
	return info, nil
}

func (u *uploader) told(l storedLine) error {
	if u.app.json {
		return u.app.line(l)
	}
	verb := "stored"
	if l.Kept {
		verb = "kept  "
	}
	u.app.printf("%s %s  (%s, %s)\n", verb, path.Join(l.Bucket, l.Key), size(l.Size), l.Sniffed)
	return nil
}
