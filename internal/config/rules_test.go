package config

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The snippets of configuration in the source documents, as they stand there.
const (
	schoolPool = `
[database.options.pool]
min_size = 50
max_size = 150
timeout = 5
`
	schoolStore = `
# Default values
[storage.s3]
enabled = true
endpoint_url = "https://minio.example.com"
bucket_name = "aleksis-test"
access_key_id = "XXXXXXXXXXXXXX"
secret_key = "XXXXXXXXXXXXXXXXXXXXXX"
`
	journalURL = "DATABASE_URL=postgresql://user:password@localhost:5432/journal_db"
)

// S0-47, C-08: the sample of the store is a template, and its placeholders are called that.
func TestTheSampleOfTheStoreIsRefusedAsPlaceholders(t *testing.T) {
	t.Parallel()
	got := oneFile(t, schoolPool+schoolStore+key).mistakes(t)
	expectIn(
		t, got,
		"holdfast.toml:10: storage.s3.endpoint_url: \"https://minio.example.com\" is a placeholder",
		"holdfast.toml:12: storage.s3.access_key_id: the value is a placeholder",
		"holdfast.toml:13: storage.s3.secret_key: the value is a placeholder",
	)
	if n := strings.Count(got, "\n") + 1; n != 3 {
		t.Errorf("%d mistakes, want 3:\n%s", n, got)
	}
}

// S0-28, S0-41: the sample of the pool is understood unchanged, with its meanings.
func TestTheSampleOfThePoolIsUnderstood(t *testing.T) {
	t.Parallel()
	pool := oneFile(t, schoolPool+key).mustLoad(t).Database.Options.Pool
	if pool.MinSize != 50 || pool.MaxSize != 150 || pool.Timeout.D().Seconds() != 5 {
		t.Errorf("got %+v", pool)
	}
}

// S0-41: the same file with real values is understood.
func TestTheSampleOfTheStoreIsUnderstoodWithRealValues(t *testing.T) {
	t.Parallel()
	real := strings.NewReplacer(
		"minio.example.com", "minio.school.org", "XXXXXXXXXXXXXXXXXXXXXX", "nW8vT2qLr5Xk", "XXXXXXXXXXXXXX", "AKIAQ7W3R9T2",
	).Replace(schoolStore)
	s3 := oneFile(t, real+key).mustLoad(t).Storage.S3
	if !s3.Enabled || s3.BucketName != "aleksis-test" || !s3.SecretKey.Equal("nW8vT2qLr5Xk") {
		t.Errorf("got %+v", s3)
	}
}

// S1-81: the journal's sample names a password that is none.
func TestTheSampleOfTheDatabaseURLIsRefusedAsAPlaceholder(t *testing.T) {
	t.Parallel()
	s := oneFile(t, key)
	s.env = []string{journalURL}
	expectIn(t, s.mistakes(t), "DATABASE_URL: database.password: the value is a placeholder")
}

// E-28
func TestASecretInAFileThatOthersReadIsRefused(t *testing.T) {
	t.Parallel()
	for mode, who := range map[os.FileMode]string{0o640: "its group can read (mode 0640)", 0o604: "everybody can read (mode 0604)"} {
		s := oneFile(t, "[database]\nhost = \"db\"\nusername = \"u\"\npassword = \"correct-horse-battery\"\n"+key)
		if err := os.Chmod(filepath.Join(s.dir, "holdfast.toml"), mode); err != nil {
			t.Fatal(err)
		}
		expect(t, s.mistakes(t), "holdfast.toml:4: database.password: the secret stands in a file that "+who+
			` → move it to a file of its own with mode 0600, and write password_file = "secrets/password"`)
	}
}

func TestAFileThatOthersReadIsFineWhileItHoldsNoSecret(t *testing.T) {
	t.Parallel()
	s := oneFile(t, key)
	if err := os.Chmod(filepath.Join(s.dir, "holdfast.toml"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.mustLoad(t)
}

// E-28
func TestASecretThatGitTracksIsRefused(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2", "4"} {
		s := newSite(t, map[string]string{
			"deploy/holdfast.toml": "[admin]\ntoken = \"abcdefghijklmnopqrstuvwxyz\"\n[files]\nmaster_key_file = \"key\"\n",
			"deploy/key":           goodKey, "a": "", "deploy/holdfast.toml.bak": "", "deploy/other": "",
		})
		git(t, s.dir, "init", "-q")
		git(t, s.dir, "config", "index.version", version)
		if _, err := s.load("deploy/holdfast.toml"); err != nil {
			t.Errorf("version %s: untracked, but %v", version, err)
		}
		git(t, s.dir, "add", ".")
		_, err := s.load("deploy/holdfast.toml")
		if err == nil {
			t.Fatalf("version %s: tracked secrets were taken", version)
		}
		expectIn(t, err.Error(), "admin.token: the secret stands in a file that is tracked by git",
			"files.master_key_file: the file "+filepath.Join(s.dir, "deploy/key")+" is tracked by git")
	}
}

func TestAWorktreeIsLookedUpInItsOwnIndex(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"main/x": "", "main/secret": "s"})
	main := filepath.Join(s.dir, "main")
	git(t, main, "init", "-q")
	git(t, main, "add", ".")
	git(t, main, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "x")
	git(t, main, "worktree", "add", "-q", "../other")
	other := filepath.Join(s.dir, "other")
	if !trackedByGit(filepath.Join(other, "secret")) {
		t.Error("a tracked file of a worktree was not found")
	}
	if err := os.WriteFile(filepath.Join(other, "new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if trackedByGit(filepath.Join(other, "new")) {
		t.Error("an untracked file was found")
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s\n(apt-get install git)", args, err, out)
	}
}

func FuzzTheGitIndexNeverPanics(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x01"), "a")
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x02"+strings.Repeat("\x00", 70)), "a")
	f.Fuzz(func(_ *testing.T, index []byte, path string) { indexHas(index, path) })
}

// S0-34, S0-35
func TestPublicAndPrivateDirectoriesNeverMeet(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		s := oneFile(t, text+key)
		if err := os.MkdirAll(filepath.Join(s.dir, "data", "media"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(s.dir, "data"), filepath.Join(s.dir, "link")); err != nil {
			t.Fatal(err)
		}
		expectIn(t, strings.ReplaceAll(s.mistakes(t), s.dir, "."), want)
	}
	f("[static]\nroot = \"up\"\n[media]\nroot = \"up\"\n", `static.root: "up" lies inside media.root (up)`)
	f("[static]\nroot = \"up/static\"\n[media]\nroot = \"up\"\n", `static.root: "up/static" lies inside media.root`)
	f("[static]\nroot = \"up\"\n[media]\nroot = \"up/media\"\n[paths]\nstate = \"data\"\n", `static.root: "up" is public and covers media.root (up/media)`)
	f("[static]\nroot = \"link\"\n[paths]\nstate = \"data\"\n", `static.root: "link" is public and covers paths.state`)
	f("[static]\nroot = \".\"\n", `static.root: "." is public and covers the configuration`)
	f("[paths]\nstate = \"data\"\ncache = \"data\"\n", `paths.cache: "data" is paths.state too`)
	f("[media]\nroot = \"link/x\"\n[paths]\nbackup = \"data/x\"\n", `paths.backup: "data/x" is media.root too`)
}

// C-06
func TestCachesOnANetworkFileSystemAreRefusedAndUploadsGetANote(t *testing.T) {
	t.Parallel()
	s := oneFile(t, "[media]\nroot = \"/net/media\"\n[paths]\ncache = \"/net/cache\"\nstate = \"/net/state\"\n"+key)
	nfs := loader{network: func(path string) string {
		if strings.HasPrefix(path, "/net/") {
			return "NFS"
		}
		return ""
	}}
	path := filepath.Join(s.dir, "holdfast.toml")
	_, err := nfs.load(path, nil)
	expectIn(t, err.Error(), `paths.cache: "/net/cache" is on NFS`, `paths.state: "/net/state" is on NFS`)
	if strings.Contains(err.Error(), "media.root") {
		t.Errorf("uploads on NFS are refused: %v", err)
	}
	c, err := nfs.load(path, []string{"HOLDFAST_PATHS__CACHE=/var/cache/x", "HOLDFAST_PATHS__STATE=/var/x"})
	if err != nil {
		t.Fatal(err)
	}
	expectIn(t, c.Notes().Error(), `media.root: "/net/media" is on NFS`)
}

func TestThisDirectoryIsOnALocalFileSystem(t *testing.T) {
	t.Parallel()
	if fs := networkOf(filepath.Join(t.TempDir(), "not", "made", "yet")); fs != "" {
		t.Errorf("the directory for temporary files is on %s", fs)
	}
}

// S2-28
func TestEveryPublicDoorNeedsTLS(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"edge", "s3", "admin", "database.private"} {
		for _, addr := range []string{"0.0.0.0:8443", ":8443", "[::]:8443", "203.0.113.5:8443", "files.school.org:8443"} {
			got := oneFile(t, "["+table+"]\nlisten = \""+addr+"\"\n"+key).mistakes(t)
			expectIn(t, got, "holdfast.toml:2: "+table+".listen: ", addr, "TLS")
		}
		got := oneFile(t, "["+table+"]\nlisten = \"127.0.0.1:8443\"\n"+key).mistakes(t)
		expect(t, got, "")
	}
}

func TestTwoDoorsAtOneAddressAreRefused(t *testing.T) {
	t.Parallel()
	got := oneFile(t, "[edge]\nlisten = \"127.0.0.1:9000\"\n"+key).mistakes(t)
	expectIn(t, got, `s3.listen: "127.0.0.1:9000" is taken by edge.listen`)
	got = oneFile(t, "[edge]\nlisten = \"127.0.0.1:6432\"\n"+key).mistakes(t)
	expectIn(t, got, `database.endpoints[0].listen: "127.0.0.1:6432" is taken by edge.listen`)
	got = oneFile(t, "[[database.endpoints]]\nlisten = \"127.0.0.1:1\"\n[[database.endpoints]]\nlisten = \"127.0.0.1:1\"\n"+key).mistakes(t)
	expectIn(t, got, `holdfast.toml:4: database.endpoints[1].listen: "127.0.0.1:1" is taken by database.endpoints[0].listen`)
	oneFile(t, "[edge]\nlisten = \"127.0.0.1:6432\"\n[database]\npooler = false\n"+key).mustLoad(t)
}

func TestAStoreThatIsOurOwnEndpointIsRefused(t *testing.T) {
	t.Parallel()
	const text = "[storage.s3]\nenabled = true\nbucket_name = \"b\"\naccess_key_id = \"AKIAQ7W3R9T2\"\nsecret_key = \"nW8vT2qLr5Xk\"\nendpoint_url = "
	for _, own := range []string{"http://127.0.0.1:9000", "http://localhost:9000/", "https://files.school.org"} {
		got := oneFile(t, text+"\""+own+"\"\n[s3]\nhosts = [\"https://files.school.org\"]\n"+key).mistakes(t)
		expectIn(t, got, "holdfast.toml:6: storage.s3.endpoint_url: ", "is Holdfast's own S3 endpoint")
	}
	oneFile(t, text+"\"http://127.0.0.1:9001\"\n"+key).mustLoad(t)
}
