package daemon_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/fault"
)

// A reload puts the rules of the edge in force at once, says what waits for a restart, and with a mistake in the file, or a file
// that is not there, changes nothing and says where it is.
func TestAReloadOfTheEdgeSaysWhatItDid(t *testing.T) {
	t.Parallel()
	first := configure(t)
	file := filepath.Join(t.TempDir(), "holdfast.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := startWith(t, first, func(o *daemon.Options) {
		o.Load = func() (*config.Config, error) { return config.Load(file, os.Environ()) }
	})
	client := control.NewClient(first.Socket())
	defer client.Close()
	reload := func() (daemon.ReloadAnswer, error) {
		return control.Call[daemon.ReloadAnswer](t.Context(), client, "/v1/reload", control.Empty{})
	}
	frame := func() string {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, d.EdgeURL()+"/nothing", nil)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Header.Get("X-Frame-Options")
	}
	write("[edge]\nlisten = \"127.0.0.1:9\"\nhttp3 = false\n[edge.headers]\nframe_options = \"DENY\"\n")
	answer, err := reload()
	if err != nil || !slices.Contains(answer.Applied, "edge.headers.frame_options") || !slices.Contains(answer.NeedsRestart, "edge.listen") {
		t.Fatalf("%+v, %v", answer, err)
	}
	if got := frame(); got != "DENY" {
		t.Errorf("X-Frame-Options is %q", got)
	}
	if again, err := reload(); err != nil || len(again.Applied) > 0 || !slices.Equal(again.NeedsRestart, answer.NeedsRestart) {
		t.Errorf("the same once more: %+v, %v; want nothing new, and what still needs a restart: %v", again, err, answer.NeedsRestart)
	}
	write("[edge]\nupstreams = [\"ftp://x\"]\n[edge.headers]\nframe_options = \"SAMEORIGIN\"\n")
	var mistakes fault.Problems
	if _, err := reload(); fault.KindOf(err) != fault.Config || !strings.Contains(fmt.Sprint(err), "holdfast.toml:2") && !errors.As(err, &mistakes) {
		t.Errorf("a mistake: %v", err)
	}
	write("[edge]\naccess_log = \"/nowhere/at/all/access.jsonl\"\n[edge.headers]\nframe_options = \"SAMEORIGIN\"\n")
	if _, err := reload(); fault.CodeOf(err) != "access_log" {
		t.Errorf("a log that cannot be opened: %v", err)
	}
	if got := frame(); got != "DENY" {
		t.Errorf("after mistakes X-Frame-Options is %q", got)
	}
}
