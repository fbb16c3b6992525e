package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/fstype"
	"holdfast/internal/secret"
)

func TestURLsThatGitMayUse(t *testing.T) {
	t.Parallel()
	f := func(text, protocol, url string) {
		t.Helper()
		a, err := parseAddress(text)
		if err != nil || a.protocol != protocol || a.url != url {
			t.Errorf("%q: %+v, %v; want %s, %q", text, a, err, protocol, url)
		}
	}
	f("git@example.org:course/physics.git", "ssh", "git@example.org:course/physics.git")
	f("example.org:physics", "ssh", "example.org:physics")
	f("git@[::1]:physics", "ssh", "git@[::1]:physics")
	f("ssh://git@example.org:2222/~a/b", "ssh", "ssh://git@example.org:2222/~a/b")
	f("https://example.org/a.git", "https", "https://example.org/a.git")
	f("https://user@example.org/a.git", "https", "https://user@example.org/a.git")
	f("http://127.0.0.1:80/a", "http", "http://127.0.0.1:80/a")
	f("http://[::1]/a", "http", "http://[::1]/a")
	f("http://localhost/a", "http", "http://localhost/a")
	f("/srv/courses/physics.git", "file", "/srv/courses/physics.git")
	f("/srv/../etc/a b/", "file", "/etc/a b")
	f("file:///srv/physics.git", "file", "/srv/physics.git")
}

func TestURLsThatGitMustNotUse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "-", "--upload-pack=touch /tmp/x", "-oProxyCommand=x", "ext::sh -c touch% /tmp/x", "fd::3", "ext::ssh://x/y", "foo::http://x", "a::b",
		"git://example.org/x", "http://example.org/x", "http://127.0.0.1.example.org/x", "ftp://example.org/x", "sftp://x/y",
		"ssh://-oProxyCommand=x/y", "ssh://-a@host/x", "ssh:///x", "ssh://host/-x", "-x@host:path", "git@-host:path", "-host:path", "host:-x",
		"relative/path", "./x", "../x", "~/x", "x", "file://host/x", "file://x", "https:///x", "https://-x/y",
		"https://user:password@example.org/x", "https://exam ple.org/x", "https://example.org/x\ny", "/srv/\x00", "git@host:a\x1bb", "ssh://ho%0ast/x",
		"C:\\x\ny", "user name@host:x", "git@host;reboot:x", "ssh://$(reboot)/x", "ssh://h`x`/y", "HTTPS+x://a/b",
	} {
		a, err := parseAddress(text)
		if !errors.Is(err, ErrAddress) || fault.HintOf(err) == "" {
			t.Errorf("%q: %+v, %v; want it refused with a hint", text, a, err)
			continue
		}
		if strings.Contains(err.Error(), "password@") || hasControl(err.Error()) {
			t.Errorf("%q: the error shows too much: %q", text, err)
		}
	}
}

func TestNamesThatABranchMayHave(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "main", "exam/2026", "fix-1", "Grün", "a.b", "caf\xe9", "refs", "@x", "a@b"} {
		if err := checkBranch(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"-x", "--upload-pack=x", "a b", "a\nb", "a\x00", "a..b", "a:b", "+a", "a~1", "a^", "a?", "a*", "a[b", `a\b`, "a@{1}", "@",
		".a", "a/.b", "a//b", "/a", "a/", "a.lock", "a.lock/b", "a.", strings.Repeat("x", 250), "a\x7fb",
	} {
		if name == "+a" {
			continue // git allows it; it stands behind refs/heads/ and means nothing there
		}
		if err := checkBranch(name); !errors.Is(err, ErrAddress) {
			t.Errorf("%q: %v; want it refused", name, err)
		}
	}
}

// C-06, S4-06: mirrors are refused on network file systems, with the reason.
func TestAMirrorOnANetworkFileSystemIsRefused(t *testing.T) {
	t.Parallel()
	err := refuseNetworkDisk("/net/x", func(string) (string, bool) { return "nfs", true })
	if !errors.Is(err, ErrNetworkDisk) || !strings.Contains(err.Error(), "nfs") || fault.HintOf(err) == "" {
		t.Error(err)
	}
	if err := refuseNetworkDisk(filepath.Join(t.TempDir(), "not", "there"), fstype.Of); err != nil {
		t.Errorf("a path that does not exist yet: %v", err)
	}
}

func repoFor(t *testing.T, url string) *Repo {
	t.Helper()
	r, err := configure(Options{Dir: t.TempDir(), URL: url, KeyFile: "/keys/it's 100%", KnownHosts: "/keys/known", Token: secret.New("hush")})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheEnvironmentOfGitIsOurs(t *testing.T) {
	t.Setenv("GIT_DIR", "/elsewhere")
	t.Setenv("GIT_SSH_COMMAND", "evil")
	t.Setenv("GIT_TRACE", "1")
	t.Setenv("SSH_AUTH_SOCK", "/agent")
	t.Setenv("HOME", "/home/somebody")
	t.Setenv("https_proxy", "http://proxy:3128")
	r := repoFor(t, "https://example.org/x")
	env := r.environ(&r.remote)
	for _, want := range []string{
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0", "GIT_ALLOW_PROTOCOL=https", "GIT_NO_LAZY_FETCH=1",
		"GIT_DIR=" + r.dir, "HOME=/nonexistent", "LC_ALL=C", "https_proxy=http://proxy:3128", "PATH=" + os.Getenv("PATH"),
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not there", want)
		}
	}
	for _, e := range env {
		if strings.Contains(e, "elsewhere") || strings.Contains(e, "evil") || strings.HasPrefix(e, "GIT_TRACE") || strings.HasPrefix(e, "SSH_AUTH_SOCK") {
			t.Errorf("%s came through", e)
		}
		if strings.Contains(e, "hush") {
			t.Errorf("%s shows the token in the clear", e)
		}
	}
	if local := r.environ(nil); !slices.Contains(local, "GIT_ALLOW_PROTOCOL=none") || strings.Contains(strings.Join(local, "\n"), "extraHeader") {
		t.Error("a process that works on the mirror alone can reach the remote")
	}
}

func TestTheCommandForSSHIsQuotedAndStrict(t *testing.T) {
	t.Parallel()
	got := repoFor(t, "git@example.org:x").ssh()
	for _, want := range []string{
		`'-F' '/dev/null'`, `'BatchMode=yes'`, `'IdentitiesOnly=yes'`, `'IdentityAgent=none'`, `'StrictHostKeyChecking=yes'`,
		`'IdentityFile="/keys/it'\''s 100%%"'`, `'UserKnownHostsFile="/keys/known"'`, `'GlobalKnownHostsFile=/dev/null'`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	for _, path := range []string{`/a"b`, "/a$HOME", "relative", "/a\nb", `/a\b`} {
		_, err := configure(Options{Dir: "/x", URL: "git@example.org:x", KeyFile: path})
		_, err2 := configure(Options{Dir: "/x", URL: "git@example.org:x", KnownHosts: path})
		if !errors.Is(err, ErrAddress) || !errors.Is(err2, ErrAddress) {
			t.Errorf("%q: %v, %v; want it refused", path, err, err2)
		}
	}
}

func TestLinesAreKeptWithoutProgressAndWithoutTerminalCodes(t *testing.T) {
	t.Parallel()
	var seen []string
	l := &lines{each: func(s string) { seen = append(seen, s) }}
	for _, piece := range []string{"Receiving:  1%\rReceiving: 100%, done.\nremote: \x1b[31mno\x07\r", "\nfatal: a\tb", "\xff\n\nlast"} {
		if n, err := l.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	if got, want := l.last(), "remote: [31mno\nfatal: a b?\nlast"; got != want {
		t.Errorf("kept %q; want %q", got, want)
	}
	if len(seen) != 5 {
		t.Errorf("seen %q", seen)
	}
	_, _ = l.Write([]byte(strings.Repeat("x", 100_000)))
	if len(l.partial) > 5*maxLine {
		t.Errorf("%d bytes are held", len(l.partial))
	}
}

func TestAnOldOrAbsentGitIsRefusedWithTheWayToGetIt(t *testing.T) {
	t.Parallel()
	f := func(program string) {
		t.Helper()
		r, err := configure(Options{Dir: t.TempDir(), URL: "/x", Git: program})
		if err == nil {
			err = r.checkProgram(t.Context())
		}
		if !errors.Is(err, ErrNoGit) || !strings.Contains(fault.HintOf(err), "apt-get install git") {
			t.Errorf("%s: %v", program, err)
		}
	}
	script := func(says string) string {
		path := filepath.Join(t.TempDir(), "git")
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho '"+says+"'\n"), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		return path
	}
	f(script("git version 2.31.9"))
	f(script("git version 1.9"))
	f(script("hello"))
	f("/no/such/git")
	f("no-such-git-in-path")
}
