package cacheserver_test

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/cacheserver"
)

// redisServer runs a real Redis on a socket.
func redisServer(t testing.TB, args ...string) (socket string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is missing: apt-get install redis-server")
	}
	dir := shortDir(t)
	socket = filepath.Join(dir, "r.sock")
	cmd := exec.Command(path, append([]string{"--port", "0", "--unixsocket", socket, "--save", "", "--dir", dir, "--logfile", filepath.Join(dir, "log")}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if conn, err := net.Dial("unix", socket); err == nil {
			_ = conn.Close()
			return socket
		}
		<-tick.C
	}
	t.Fatal("redis-server does not start")
	return ""
}

// Rows S1-27, S1-28: the same commands get the same answers from Redis itself, in both protocols.
func TestCommandsAreAnsweredAsByRedis(t *testing.T) {
	t.Parallel()
	socket := redisServer(t)
	for _, proto := range []string{"2", "3"} {
		_, c := start(t, func(c *cacheserver.Config) { c.Listen = "" })
		ours, theirs := dial(t, "unix", c.Socket), dial(t, "unix", socket)
		theirs.do("FLUSHALL")
		ours.do("HELLO", proto)
		theirs.do("HELLO", proto)
		f, err := os.Open("testdata/twin.txt")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n := 0
		for lines := bufio.NewScanner(f); lines.Scan(); {
			line := lines.Text()
			if line == "" || line[0] == '#' {
				continue
			}
			n++
			line, unordered := strings.CutPrefix(line, "~")
			words := strings.Fields(line)
			for i, w := range words {
				words[i] = strings.NewReplacer("_EMPTY_", "", "_SP_", " ").Replace(w)
			}
			a, b := ours.do(words...), theirs.do(words...)
			if unordered {
				a, b = sorted(a), sorted(b)
			}
			a, _, _ = strings.Cut(a, "(this cache knows")
			if a != b {
				t.Errorf("RESP%s %s:\n  here  %s\n  redis %s", proto, line, a, b)
			}
		}
		if n < 300 {
			t.Errorf("only %d commands were compared", n)
		}
	}
}

func sorted(answer string) string {
	words := strings.FieldsFunc(answer, func(r rune) bool { return strings.ContainsRune("[] ", r) })
	slices.Sort(words)
	return strings.Join(words, " ")
}
