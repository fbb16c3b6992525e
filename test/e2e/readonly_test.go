package e2e_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// readOnly runs a command where everything but the directories in ROOTS is read-only, and says so if it is not.
const readOnly = `
set -eu
for root in $ROOTS; do mount --bind "$root" "$root"; done
# Not those of FUSE: a file system whose server was killed beside this test would never answer.
awk '!/ - fuse/ { print $5 }' /proc/self/mountinfo | while read -r point; do
	case " $ROOTS " in *" $point "*) continue ;; esac
	mount -o remount,bind,ro "$point" 2>/dev/null || :
done
for dir in / /tmp /var/tmp /dev/shm /run /etc "$HOME" "$SITE"; do
	if touch "$dir/.probe" 2>/dev/null; then rm -f "$dir/.probe"; echo "$dir can be written" >&2; exit 99; fi
done
exec "$@"
`

// S0-32, C-25: with everything read-only but the directories that "holdfast paths" prints, everything works, and nothing
// even tries to write elsewhere. That includes a PostgreSQL of our own.
func TestEverythingButThePathsMayBeReadOnly(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]func(t *testing.T) *pgtest.DB{
		"attached": func(t *testing.T) *pgtest.DB { return pgtest.Database(t) },
		"private":  func(*testing.T) *pgtest.DB { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needRoot(t)
			needProgram(t, "strace", "strace")
			site := newSite(t, db(t))
			site.set("media.root", site.Path("media"), "paths.state", site.Path("state"), "paths.cache", site.Path("cache"),
				"paths.backup", site.Path("backup"), "log.level", "debug")
			paths := ask[struct{ Media, State, Cache, Backup string }](site, "paths")
			roots := []string{paths.Media, paths.State, paths.Cache, paths.Backup}
			for _, root := range roots {
				if err := os.Mkdir(root, 0o711); err != nil {
					t.Fatal(err)
				}
			}
			trace := program.ShortDir(t) + "/trace"
			cmd := exec.Command("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-Z", "-e", "trace=%file", "-e", "signal=none", "-o", trace,
				"unshare", "-m", "sh", "-c", readOnly, "sh", executable(t), "serve")
			cmd.Env = append(program.Self(site.Env()).Env, "ROOTS="+strings.Join(roots, " "), "SITE="+site.Dir, "HOME=/root", "TMPDIR=/tmp")
			n := &node{process: program.Launch(t, cmd), site: site}
			n.ready()
			cycle(t, n)
			site.Must("stop")
			if code := n.Wait(stopLimit); code != 0 {
				t.Errorf("it ends with %d", code)
			}
			text, err := os.ReadFile(trace)
			if err != nil || !strings.Contains(string(text), "EROFS") {
				t.Fatalf("the trace does not even show what the preparation tried: %v", err)
			}
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "EROFS") && !expected(line) {
					t.Errorf("it tried to write elsewhere: %s", line)
				}
			}
			left, err := os.ReadDir(site.Dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range left {
				if !slices.Contains([]string{"holdfast.toml", "secrets", "media", "state", "cache", "backup"}, e.Name()) {
					t.Errorf("%s was made beside the roots", e.Name())
				}
			}
		})
	}
}

// cycle uses every way in and out once.
func cycle(t *testing.T, n *node) {
	t.Helper()
	site := n.site
	site.Must("files", "bucket", "create", "papers")
	key := site.newKey()
	c := n.client(key)
	c.put("papers", "one", "by S3")
	c.want("papers", "one", "by S3")
	path := site.Path("holdfast.toml")
	site.Must("files", "put", path, "papers/two")
	for _, name := range []string{"papers/one", "papers/two"} {
		if err := wantStatus(n.link(name), 200); err != nil {
			t.Error(err)
		}
	}
	url := n.link("papers/one")
	c.put("papers", "one", "replaced")
	if err := wantStatus(url, 403); err != nil {
		t.Error(err)
	}
	site.Must("files", "rm", "papers/two")
	site.Must("env")
	site.Must("check")
	if r := site.Run("status"); r.Code != 0 {
		t.Errorf("status ends with %d:\n%s", r.Code, r.Stdout)
	}
}

// expected reports what the preparation above tries, and what initdb and we try before using another kind of shared memory.
func expected(line string) bool {
	return strings.Contains(line, ".probe") || strings.Contains(line, `"/run/mount"`) || strings.Contains(line, `"/dev/shm`)
}
