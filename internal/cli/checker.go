package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob/s3"
	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/fstype"
	"holdfast/internal/pooler"
	"holdfast/internal/secret"
)

// checker tries what a configuration names and collects what it finds.
type checker struct {
	cfg      *config.Config
	env      func(string) string
	create   bool
	findings []finding
}

func (k *checker) add(f finding) { k.findings = append(k.findings, f) }

func (k *checker) ok(name, format string, args ...any) {
	k.add(finding{Name: name, State: "ok", Text: fmt.Sprintf(format, args...)})
}

func (k *checker) note(name, hint, format string, args ...any) {
	k.add(finding{Name: name, State: "note", Hint: hint, Text: fmt.Sprintf(format, args...)})
}

func (k *checker) fail(name string, err error) {
	k.add(finding{Name: name, State: "fail", Text: err.Error(), Hint: fault.HintOf(err), err: err})
}

// failure returns the first failure, or nil.
func (k *checker) failure() error {
	for _, f := range k.findings {
		if f.State == "fail" {
			return f.err
		}
	}
	return nil
}

func (k *checker) failures() int {
	n := 0
	for _, f := range k.findings {
		if f.State == "fail" {
			n++
		}
	}
	return n
}

// environment looks at the secrets of the application.
func (k *checker) environment() {
	for _, p := range environmentProblems(k.env) {
		k.fail("environment", fault.New(fault.Config, "config_placeholder", "%s %s", p.Key, p.Message).WithHint("%s", p.Hint))
	}
}

// environmentProblems finds placeholders among the secrets of the application that platforms keep beside ours (S1-81).
func environmentProblems(env func(string) string) (found fault.Problems) {
	for _, name := range []string{"SESSION_SECRET", "SECRET_KEY", "SECRET_KEY_BASE", "DJANGO_SECRET_KEY"} {
		if secret.IsPlaceholder(env(name)) {
			found.Add(name, "generate one, as with: openssl rand -hex 32", "is a placeholder from an example, not a secret")
		}
	}
	return found
}

// directories makes sure that the four roots can be written to, or made. It makes none.
func (k *checker) directories() {
	c := k.cfg
	roots := []struct{ key, path string }{
		{"paths.state", c.Paths.State}, {"media.root", c.Media.Root}, {"paths.cache", c.Paths.Cache}, {"paths.backup", c.Paths.Backup},
	}
	bad := false
	for _, r := range roots {
		if err := writable(r.path); err != nil {
			bad = true
			k.fail("directories", fault.New(fault.Denied, "directory_unwritable", "%s: %w", r.key, err).
				WithHint("give %s to the user that runs Holdfast, or set %s", r.path, r.key))
		}
	}
	if !bad {
		k.ok("directories", "state %s, media %s", c.Paths.State, c.Media.Root)
	}
}

// writable reports why a directory cannot be written to. One that does not exist is judged by the nearest that does.
func writable(path string) error {
	for {
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) && path != filepath.Dir(path) {
			path = filepath.Dir(path)
			continue
		}
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is not a directory", path)
		}
		if err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
			return fmt.Errorf("write to %s: %w", path, err)
		}
		return nil
	}
}

// listeners tries to open every door. While a Holdfast of this configuration runs, the doors are its own.
func (k *checker) listeners(ctx context.Context) {
	if k.running(ctx) {
		k.note("listeners", "", "a Holdfast with this configuration is running")
		return
	}
	bad := false
	var open []string
	for _, l := range k.doors() {
		if err := canListen(ctx, l.addr); err != nil {
			bad = true
			k.fail("listeners", fault.New(listenKind(err), "listen", "%s: %w", l.key, err).WithHint("%s", listenHint(err, l.key)))
			continue
		}
		open = append(open, l.addr)
	}
	if !bad {
		k.ok("listeners", "%s", strings.Join(open, ", "))
	}
}

// room compares what the pooler may come to need with what the machine gives (S0-22).
func (k *checker) room() {
	c := k.cfg.Database
	for _, n := range c.Pooling.Needs(c.Config, pooler.FindRoom()) {
		if n.Fits {
			k.ok(n.Code, "%s, of %s", n.Sum, n.Allowed)
			continue
		}
		k.fail(n.Code, fault.New(fault.Config, "too_little_"+n.Code, "there is %s, but it may need %s", n.Allowed, n.Sum).WithHint("%s", n.Hint))
	}
}

// timeouts writes out the limits of time of each class, and tells of an order that cannot be meant (C-04, S1-79).
func (k *checker) timeouts() {
	answer := time.Duration(0)
	if len(k.cfg.Edge.Upstreams) > 0 {
		answer = k.cfg.Edge.Upstream.Timeouts.Header.D()
	}
	for _, c := range k.cfg.Database.Pooling.Chains(k.cfg.Database.Config, answer) {
		for _, f := range c.Faults {
			k.note("timeouts", f.Hint, "%s", f.Text)
		}
		if len(c.Faults) == 0 {
			k.ok("timeouts", "%s", c.Text)
		}
	}
}

// door is a listener and the setting that names it.
type door struct{ key, addr string }

func (k *checker) doors() []door {
	all := []door{{"edge.listen", k.cfg.Edge.Listen}, {"s3.listen", k.cfg.S3.Listen}, {"admin.listen", k.cfg.Admin.Listen}}
	for _, l := range k.cfg.Edge.Listeners {
		all = append(all, door{"edge.listeners.listen", l.Listen})
	}
	for _, e := range k.cfg.Database.Pooling.Doors() {
		all = append(all, door{"database.endpoints.listen", e.Listen})
	}
	return all
}

func (k *checker) running(ctx context.Context) bool {
	client := control.NewClient(k.cfg.Socket())
	defer client.Close()
	_, err := control.Call[map[string]any](ctx, client, "/v1/status", control.Empty{})
	return err == nil
}

func canListen(ctx context.Context, addr string) error {
	if addr == "" || strings.HasPrefix(addr, "unix:") || strings.HasPrefix(addr, "/") {
		return nil // sockets are made anew by the daemon, which tells a living owner from a dead one
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

func listenKind(err error) fault.Kind {
	switch {
	case errors.Is(err, syscall.EACCES):
		return fault.Denied
	case errors.Is(err, syscall.EADDRINUSE):
		return fault.Conflict
	}
	return fault.Config
}

func listenHint(err error, key string) string {
	switch {
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need the right CAP_NET_BIND_SERVICE; or choose a higher port"
	case errors.Is(err, syscall.EADDRINUSE):
		return "find its owner with: ss -ltnp; or set " + key
	}
	return "name an address of this machine"
}

// store tries the place where files are kept.
func (k *checker) store(ctx context.Context) {
	if k.cfg.Storage.S3.Enabled {
		k.bucket(ctx)
		return
	}
	root, kind := k.cfg.Media.Root, ""
	kind, _ = fstype.Of(root)
	free, err := freeSpace(root)
	switch {
	case err != nil:
		k.fail("store", fault.New(fault.Unavailable, "store", "%s: %w", root, err))
	case free < int64(k.cfg.Media.Reserve):
		k.note("store", "make room, or lower media.reserve", "%s has %s free, less than the reserve of %s: files are served, and none are stored",
			root, size(free), k.cfg.Media.Reserve)
	default:
		k.ok("store", "disk, %s, %s free", kind, size(free))
	}
}

// bucket tries the S3 store: reachable, right keys, the bucket is there and can be written to.
func (k *checker) bucket(ctx context.Context) {
	c := k.cfg.Storage.S3
	s, err := s3.New(c)
	if err == nil {
		err = s.EnsureBucket(ctx, k.create)
	}
	if err == nil {
		err = s.Check(ctx)
	}
	switch {
	case fault.KindOf(err) == fault.Full:
		k.note("store", fault.HintOf(err), "files are served, and none are stored: %v", err)
		return
	case err != nil:
		k.fail("store", err)
		return
	}
	k.ok("store", "bucket %s at %s", c.BucketName, strings.TrimSuffix(c.EndpointURL, "/"))
}

// freeSpace returns the bytes that this user may still write at a path, or at the nearest directory that exists.
func freeSpace(path string) (int64, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(path, &st)
		if err == nil {
			return int64(st.Bavail) * st.Bsize, nil
		}
		if !errors.Is(err, unix.ENOENT) || path == filepath.Dir(path) {
			return 0, err
		}
		path = filepath.Dir(path)
	}
}
