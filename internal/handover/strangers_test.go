package handover_test

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/handover"
)

func TestOnlyTheOwnAccountMayAsk(t *testing.T) {
	t.Parallel()
	f := func(uid uint32, pid int32, want bool) {
		t.Helper()
		if err := handover.MayAskForTest(&unix.Ucred{Uid: uid, Pid: pid}, 990); (err == nil) != want {
			t.Errorf("account %d, process %d: %v", uid, pid, err)
		}
	}
	f(990, 4711, true)
	f(0, 4711, true)
	f(1000, 4711, false)
	f(65534, 4711, false)
	f(990, 0, false) // of a container with a PID namespace of its own
	f(0, 0, false)
}

// Whoever says something else than a successor gets no listener, and the next one is heard.
func TestNonsenseIsNotTakenForACommit(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	packet := func(body string) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...) //nolint:gosec // short
	}
	for _, said := range [][]byte{
		nil,
		{0},
		[]byte("GET / HTTP/1.1\r\n\r\n"),
		{0xff, 0xff, 0xff, 0xff},
		packet("no JSON"), packet(`{"say":"commit"}`), packet(`{"say":"ready"}`),
		packet(`{"say":"ask","names":["pooler"]}`), append(packet(`{"say":"ask"}`), packet(`{"say":"ready"}`)...),
	} {
		c, err := net.Dial("unix", b.path)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(said)
		_ = c.(*net.UnixConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
			t.Errorf("%q is not cut off", said)
		}
		_ = c.Close()
	}
	offer, err := handover.Ask(t.Context(), b.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := offer.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-b.yielded:
		t.Error("it yielded")
	default:
	}
}
