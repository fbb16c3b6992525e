package cli

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"testing"
)

// watched calls seen when a text has been written to it.
type watched struct {
	bytes.Buffer
	text string
	seen func()
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	if strings.Contains(w.String(), w.text) {
		w.seen()
	}
	return n, err
}

// A port that was free when it was looked at, and is taken when the demo starts, costs a second start and no more.
func TestTheDemoTakesOtherPortsWhenOneIsTakenMeanwhile(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir, err := os.MkdirTemp("", "hf")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stderr bytes.Buffer
	out := &watched{text: "Ctrl-C ends it", seen: cancel}
	a := &app{stdin: strings.NewReader(""), stdout: out, stderr: &stderr}
	taken := func(ctx context.Context, usual string) (string, error) {
		if usual == "7070" { // the last one that is opened
			return l.Addr().String(), nil
		}
		return freeAddress(ctx, usual)
	}
	if err := a.startDemo(ctx, dir, taken); err != nil {
		t.Errorf("the demo: %v", err)
	}
	if !strings.Contains(out.String(), "Holdfast runs.") || !strings.Contains(stderr.String(), "address already in use; trying other ports") {
		t.Errorf("it printed:\n%s\n%s", out.String(), stderr.String())
	}
}
