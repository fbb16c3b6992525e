package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/coursegen"
	"holdfast/internal/daemon"
	"holdfast/internal/demo"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

const demoHelp = `Run everything in a temporary directory, with a page to try it.

Usage:
  holdfast demo [--dir DIR]

Holdfast starts with a PostgreSQL of its own and prints the address of a page, where a picture is stored straight from the
browser, opened through its link, and refused in every way that must be refused, and where a question of a course from git
is shown; the credentials of the S3 endpoint, for any client; the database behind the pooler, with a line that fills the
pool; the repository of the course, to push to; and a stylesheet, with a line that measures how fast it is served. It ends by
Ctrl-C, and leaves nothing behind but what --dir keeps.

The usual ports are taken where they are free, else others. Only this machine can reach them.

Options:
      --dir DIR   keep the data there, for the next demo

EXIT STATUS
  0 after Ctrl-C, 3 or 7 when there is no PostgreSQL to run; see: holdfast help exit-codes

EXAMPLE
  holdfast demo
`

// demoOptions are the options of demo.
type demoOptions struct {
	dir string
}

func newDemo(a *app) *cobra.Command {
	var o demoOptions
	c := a.command("demo", "run everything in a temporary directory", demoHelp, 0, 0, func(c *cobra.Command, _ []string) error {
		return runDemo(c.Context(), a, o)
	})
	c.Flags().StringVar(&o.dir, "dir", "", "")
	return c
}

func runDemo(ctx context.Context, a *app, o demoOptions) (err error) {
	dir, remove, err := demoDir(o.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	return a.startDemo(ctx, dir, usualAddress)
}

// startDemo runs the demo, and once more on other ports when one of those that were picked is taken meanwhile.
func (a *app) startDemo(ctx context.Context, dir string, pick pickAddress) error {
	log, err := os.OpenFile(filepath.Join(dir, "demo.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	a.notef("starting (the log is in %s) …", log.Name())
	err = a.showDemo(ctx, dir, log, pick)
	if fault.CodeOf(err) == "listen" {
		a.notef("%v; trying other ports", err)
		err = a.showDemo(ctx, dir, log, freeAddress)
	}
	return err
}

// showDemo runs the demo on the addresses that pick chooses for the usual ports.
func (a *app) showDemo(ctx context.Context, dir string, log io.Writer, pick pickAddress) error {
	cfg, err := demoConfig(ctx, dir, pick)
	if err != nil {
		return err
	}
	var shown error
	d := daemon.New(daemon.Options{Config: cfg, Version: binaryVersion().Version, Log: log, Demo: true})
	err = d.Run(ctx, func(d *daemon.Daemon) {
		if shown = a.printDemo(ctx, cfg); shown != nil {
			d.Shutdown()
		}
	})
	return errors.Join(shown, err)
}

// demoDir returns the directory of the demo and what removes it.
func demoDir(keep string) (dir string, remove func() error, err error) {
	if keep != "" {
		dir, err = filepath.Abs(keep)
		if err == nil {
			err = os.MkdirAll(dir, 0o755)
		}
		return dir, func() error { return nil }, localError(err)
	}
	dir, err = os.MkdirTemp("", "holdfast-demo-")
	if err == nil {
		err = os.Chmod(dir, 0o711) // PostgreSQL's own account passes through when we are root
	}
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// demoConfig makes the configuration of the demo. The user's own has no part in it.
func demoConfig(ctx context.Context, dir string, pick pickAddress) (*config.Config, error) {
	key := filepath.Join(dir, "master_key")
	if _, err := os.Stat(key); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(key, []byte(secret.Generate(32).Reveal()), 0o600); err != nil {
			return nil, err
		}
	}
	env := []string{
		"HOLDFAST_PATHS__STATE=" + filepath.Join(dir, "state"), "HOLDFAST_DATABASE__MODE=private",
		"HOLDFAST_FILES__MASTER_KEY_FILE=" + key,
		"HOLDFAST_FILES__BUCKETS__" + strings.ToUpper(demo.Bucket) + "__MAX_SIZE=20MB",
	}
	course, err := demoCourse(ctx, dir)
	if err != nil {
		return nil, err
	}
	env = append(env, course...)
	static, err := demoStatic(dir)
	if err != nil {
		return nil, err
	}
	env = append(env, static)
	for _, l := range []struct{ table, port string }{{"EDGE", "8000"}, {"S3", "9000"}, {"ADMIN", "7070"}} {
		addr, err := pick(ctx, l.port)
		if err != nil {
			return nil, err
		}
		env = append(env, "HOLDFAST_"+l.table+"__LISTEN="+addr)
	}
	addr, err := pick(ctx, "6432")
	if err != nil {
		return nil, err
	}
	env = append(env, "HOLDFAST_DATABASE__ENDPOINTS=[{listen = "+config.Quote(addr)+"}]")
	return config.Load(config.None, env)
}

// demoCourse makes a small course in a repository of its own, and returns the settings that bring it to the page.
func demoCourse(ctx context.Context, dir string) ([]string, error) {
	repository := filepath.Join(dir, "course.git")
	if _, err := os.Stat(repository); errors.Is(err, os.ErrNotExist) {
		if _, err := coursegen.Demo(ctx, repository, "sha1"); err != nil {
			return nil, err
		}
	}
	source := "HOLDFAST_CONTENT__SOURCES__" + strings.ToUpper(demo.Source)
	return []string{source + "__GIT=" + repository, source + "__POLL=1s", "HOLDFAST_CONTENT__FREE_BYTES=0"}, nil
}

// demoStatic writes the stylesheet, and returns the setting that serves it.
func demoStatic(dir string) (string, error) {
	root := filepath.Join(dir, "static")
	path := filepath.Join(root, demo.StylesheetName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return "HOLDFAST_STATIC__ROOT=" + root, os.WriteFile(path, demo.Stylesheet(), 0o644)
}

// pickAddress returns the loopback address to use in place of a usual port.
type pickAddress func(ctx context.Context, usual string) (string, error)

// usualAddress returns the usual port if it is free now, else another one.
func usualAddress(ctx context.Context, usual string) (string, error) {
	if addr, err := tryListen(ctx, usual); err == nil {
		return addr, nil
	}
	return freeAddress(ctx, usual)
}

// freeAddress returns a port that the kernel calls free.
func freeAddress(ctx context.Context, _ string) (string, error) {
	addr, err := tryListen(ctx, "0")
	if err != nil {
		return "", fault.New(fault.Unavailable, "no_port", "find a free port: %w", err)
	}
	return addr, nil
}

// tryListen listens for a moment. The port is not held until the daemon takes it; see startDemo for what happens then.
func tryListen(ctx context.Context, port string) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (a *app) printDemo(ctx context.Context, cfg *config.Config) error {
	client := control.NewClient(cfg.Socket())
	defer client.Close()
	key, err := keepKey(ctx, client, cfg, envOptions{app: "demo"})
	if err != nil {
		return err
	}
	vars, err := a.databaseVariables(ctx, client, cfg)
	if err != nil {
		return err
	}
	endpoint := "http://" + cfg.S3.Listen
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n\n", a.bold("Holdfast runs. Open http://"+cfg.Edge.Listen+"/"))
	fmt.Fprintf(&b, "The S3 endpoint, for any client:\n\n")
	fmt.Fprintf(&b, "  export AWS_ENDPOINT_URL=%s\n  export AWS_REGION=%[2]s AWS_DEFAULT_REGION=%[2]s\n", endpoint, cfg.S3.Region)
	fmt.Fprintf(&b, "  export AWS_ACCESS_KEY_ID=%s\n  export AWS_SECRET_ACCESS_KEY=%s\n", key.ID, key.Secret)
	fmt.Fprintf(&b, "  aws --endpoint-url %s s3 ls s3://demo\n\n", endpoint)
	b.WriteString(databaseLines(cfg, vars[0]))
	b.WriteString(courseLines(cfg))
	b.WriteString(benchLines(cfg))
	b.WriteString("Ctrl-C ends it.\n")
	a.printf("%s", b.String())
	return nil
}

// courseLines show how an author changes the course, and who follows.
func courseLines(cfg *config.Config) string {
	source, ok := cfg.Content.Sources[demo.Source]
	if !ok {
		return ""
	}
	return fmt.Sprintf(`The course is a git repository. Push a change, and the page of the question follows:

  git clone %s course && cd course
  sed -i 's/14 m/28 m/' questions/mechanics/throw/question.html && git commit -qam 'Twice as fast' && git push
  open http://%s/demo/question/mechanics/throw

`, source.Git, cfg.Edge.Listen)
}

// benchLines show how fast a stylesheet is served, by the line with which others measured theirs.
func benchLines(cfg *config.Config) string {
	return fmt.Sprintf(`A stylesheet of 220 kB. Load it 5000 times, and see how long each took:

  %s bench http -c 50 -n 5000 -o csv -disable-keepalive http://%s%s%s > latencies.csv

`, program(), cfg.Edge.Listen, cfg.Static.URL, demo.StylesheetName)
}

// program returns how this program is called from a shell here: by its name if that finds it, else by its path.
func program() string {
	own, err := os.Executable()
	if err != nil {
		return "holdfast"
	}
	if found, err := exec.LookPath("holdfast"); err == nil && found == own {
		return "holdfast"
	}
	if dir, err := os.Getwd(); err == nil {
		if below, ok := strings.CutPrefix(own, dir+"/"); ok && strings.Contains(below, "/") {
			own = below
		}
	}
	if strings.ContainsAny(own, " '\"\\$`&;|<>()*?[]#~!{}") {
		return shellQuote(own)
	}
	return own
}

// databaseLines show the pooler as somebody would try it: a session, and what happens when all connections are taken.
func databaseLines(cfg *config.Config, url variable) string {
	pool := cfg.Database.Options.Pool
	return fmt.Sprintf(`The database, through the pooler, for any PostgreSQL driver:

  export %s=%s
  psql "$DATABASE_URL" -c "SELECT version()"

Take all of its connections, and see the next one told so, in %s and not in minutes:

  for i in $(seq %[4]d); do psql "$DATABASE_URL" -qAtc "SELECT 'connected'" -c "SELECT pg_sleep(20)" & done | head -%[4]d | uniq -c
  psql "$DATABASE_URL" -c "SELECT 1"

`, url.name, shellQuote(url.value), pool.Timeout, max(pool.MaxSize, pool.MinSize))
}
