package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// S0-46: whatever a command is asked, and whether it succeeds or fails, no configured secret is in what it prints. Only
// "env" prints secrets: it is there to hand them out.
func TestNoCommandShowsASecret(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{
		"database.password": "pw-of-the-database-7d2k", "admin.token": "token-of-the-admin-page-4k8s",
		"storage.s3.access_key_id": "AKIAIDOFTHESTORE", "storage.s3.secret_key": "secret-of-the-store-9x3m",
		"files.master_key": "master-of-all-keys-q2w4e6r8t1y3u5", "DATABASE_URL": "pw-in-the-url-5h6j",
	}
	dir, env := site(t, `
[database]
host = "127.0.0.1"
port = 1
username = "journal"
password = "pw-of-the-database-7d2k"
connect_timeout = "2s"
[admin]
token = "token-of-the-admin-page-4k8s"
[storage.s3]
enabled = true
endpoint_url = "http://127.0.0.1:1"
bucket_name = "media"
access_key_id = "AKIAIDOFTHESTORE"
secret_key_file = "s3"
timeout = "2s"
`)
	write(t, filepath.Join(dir, "s3"), secrets["storage.s3.secret_key"]+"\n")
	write(t, filepath.Join(dir, "master"), secrets["files.master_key"]+"\n")
	env = append(env, "DATABASE_URL=postgresql://u:"+secrets["DATABASE_URL"]+"@h/d")
	broken := append([]string{"HOLDFAST_EDGE__LISTEN=nonsense", "HOLDFAST_DATABASE__PORT=" + secrets["admin.token"][:3]}, env...)

	for _, args := range everyCommand(testRoot()) {
		for _, e := range [][]string{env, broken} {
			for _, form := range [][]string{nil, {"--json"}} {
				t.Run(strings.Join(append(args, form...), " "), func(t *testing.T) {
					t.Parallel()
					r := run(e, append(args, form...)...)
					for key, value := range secrets {
						if strings.Contains(r.stdout+r.stderr, value) {
							t.Errorf("%s is shown:\n%s%s", key, r.stdout, r.stderr)
						}
					}
				})
			}
		}
	}
}

// everyCommand returns a command line for each command that ends by itself.
func everyCommand(c *cobra.Command) [][]string {
	var all [][]string
	for _, sub := range commands(c) {
		path := strings.Fields(strings.TrimPrefix(sub.CommandPath(), "holdfast"))
		switch sub.Name() {
		case "init", "demo": // no configuration has a part in these
			continue
		}
		all = append(all, path, append(path[:len(path):len(path)], "bucket/key", "file"))
	}
	return all
}
