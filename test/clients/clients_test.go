package clients

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/pgtest"
	"holdfast/internal/s3api/s3apitest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience is how long one program may run.
const patience = 2 * time.Minute

// target is an endpoint and the bucket that a client makes there.
type target struct {
	*s3apitest.Endpoint
	bucket string
}

// overStores runs a client against an endpoint over each store.
func overStores(t *testing.T, test func(t *testing.T, at target)) {
	t.Helper()
	s3apitest.OverStores(t, s3apitest.Options{}, func(t *testing.T, e *s3apitest.Endpoint, store string) {
		test(t, target{e, "client-" + store})
	})
}

// program finds a program, or fails with the line that installs it.
func program(t *testing.T, name, install string) string {
	t.Helper()
	for _, dir := range []string{"../../.tools/bin", "/usr/bin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			path, err = filepath.Abs(path)
			if err != nil {
				t.Fatal(err)
			}
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is needed for this test: %s", name, install)
	}
	return path
}

// environment is what a program is told about the endpoint, and nothing of the developer's own settings.
func (at target) environment(t *testing.T, more ...string) []string {
	t.Helper()
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "NO_PROXY=*",
		"ENDPOINT=" + at.URL, "BUCKET=" + at.bucket, "ACCESS_KEY=" + at.Key.ID, "SECRET_KEY=" + at.Key.Secret.Reveal(),
		"AWS_ACCESS_KEY_ID=" + at.Key.ID, "AWS_SECRET_ACCESS_KEY=" + at.Key.Secret.Reveal(), "AWS_DEFAULT_REGION=holdfast",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL=" + at.URL,
	}
	return append(env, more...)
}

// run runs a program and returns what it printed. When it fails, the test does.
func run(t *testing.T, env []string, dir, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = env, dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// tree makes a directory with files of odd names and sizes, and returns its path.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]int{"plain.txt": 5, "with space & +plus.txt": 100, "sub/ümläut.bin": 70_000, "sub/deep/empty": 0, "large.bin": 17 << 20}
	for name, size := range files {
		write(t, filepath.Join(dir, name), strings.Repeat("0123456789abcdef", size/16+1)[:size])
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sameTree fails unless two directories hold the same files.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	a, b := contents(t, want), contents(t, got)
	for name, text := range a {
		if b[name] != text {
			t.Errorf("%s: %d bytes came back of %d", name, len(b[name]), len(text))
		}
	}
	if len(a) != len(b) {
		t.Errorf("%d files went, %d came back", len(a), len(b))
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
