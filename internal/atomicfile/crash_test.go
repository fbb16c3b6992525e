package atomicfile

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// childFile makes the test binary a writer of the named file; childLimit bounds the size of files it may write.
const (
	childFile  = "ATOMICFILE_CHILD_FILE"
	childLimit = "ATOMICFILE_CHILD_LIMIT"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		os.Exit(child(path, os.Getenv(childLimit)))
	}
	os.Exit(m.Run())
}

// child writes version after version, telling each one that was acknowledged, until it is killed or a write fails.
func child(path, limit string) int {
	if n, err := strconv.ParseUint(limit, 10, 64); err == nil {
		_ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n})
	}
	for v := readVersion(path) + 1; ; v++ {
		if err := WriteFile(path, versionBytes(v), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(v)
	}
}

// versionBytes returns content whose length varies with v and that can be checked as a whole: v, filler, digest.
func versionBytes(v uint64) []byte {
	b := binary.BigEndian.AppendUint64(nil, v)
	b = append(b, bytes.Repeat([]byte{byte(v)}, int(v*7919%200_000))...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// readVersion returns the version that the file holds, 0 for no file, and panics for a content that was never written.
func readVersion(path string) uint64 {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if len(b) < 8 || !bytes.Equal(b, versionBytes(binary.BigEndian.Uint64(b))) {
		panic(fmt.Sprintf("%s: %d bytes that nobody wrote, %v", path, len(b), err))
	}
	return binary.BigEndian.Uint64(b)
}

func startChild(t *testing.T, path, limit string) (*exec.Cmd, io.Reader, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path, childLimit+"="+limit)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, out, stderr
}

// Every version told as written is there after SIGKILL at a random moment, and what is there is whole: acknowledged
// means durable.
func TestAKilledWriterLeavesAWholeFileNoOlderThanTheLastAcknowledged(t *testing.T) {
	t.Parallel()
	path, kills := filepath.Join(t.TempDir(), "f"), 30
	if os.Getenv("HOLDFAST_SOAK") != "" {
		kills = 2000
	}
	for range kills {
		before := readVersion(path)
		cmd, out, _ := startChild(t, path, "")
		lines := bufio.NewScanner(out)
		acknowledged := before
		if lines.Scan() { // it runs: let it be killed somewhere in the next versions
			acknowledged = parse(t, lines.Text())
		}
		kill := time.AfterFunc(rand.N(8*time.Millisecond), func() { _ = cmd.Process.Kill() })
		for lines.Scan() {
			acknowledged = parse(t, lines.Text())
		}
		kill.Stop()
		_ = cmd.Wait()
		if now := readVersion(path); now < acknowledged || acknowledged == before {
			t.Fatalf("version %d after %d was acknowledged, %d before", now, acknowledged, before)
		}
	}
}

func TestAWriteThatFailsHalfwayLeavesTheOldContentAndNoRest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	cmd, out, stderr := startChild(t, path, "100000")
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !bytes.Contains(stderr.Bytes(), []byte("file too large")) {
		t.Fatalf("child: %v, %s; want it to meet the size limit", err, stderr)
	}
	expect(t, path, string(versionBytes(readVersion(path))))
}

func parse(t *testing.T, line string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(line, 10, 64)
	if err != nil {
		t.Fatalf("child said %q", line)
	}
	return v
}
