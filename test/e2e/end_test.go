package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/daemon"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// supervisor is what systemd is for a unit of Type=notify: a socket that hears how the process is (sd_notify(3)).
func supervisor(t *testing.T) (address string, next func() string) {
	t.Helper()
	address = filepath.Join(program.ShortDir(t), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return address, func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(program.StartLimit)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("nothing heard of the process: %v", err)
		}
		return string(b[:n])
	}
}

// S0-12: systemd hears READY=1 when everything answers and STOPPING=1 at the end, and an idle daemon ends at once.
func TestTheSupervisorIsToldAndAnIdleDaemonEndsAtOnce(t *testing.T) {
	t.Parallel()
	address, next := supervisor(t)
	site := newSite(t, pgtest.Database(t))
	site.Extra = append(site.Extra, "NOTIFY_SOCKET="+address)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		n := site.begin()
		if got := next(); got != "READY=1" {
			t.Errorf("heard %q, want READY=1", got)
		}
		n.ready() // it said so before
		if err := wantStatus(n.admin+"/readyz", 200); err != nil {
			t.Error(err)
		}
		n.Signal(sig)
		began := time.Now()
		if got := next(); got != "STOPPING=1" {
			t.Errorf("heard %q, want STOPPING=1", got)
		}
		if code := n.Wait(stopLimit); code != 0 {
			t.Errorf("after %s it ends with %d", sig, code)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("with nothing to do the end took %s", took)
		}
	}
	n := site.serve()
	next()
	if out := site.Must("stop"); out != "stopped\n" {
		t.Errorf("holdfast stop says %q", out)
	}
	if code := n.Wait(time.Second); code != 0 {
		t.Errorf("after holdfast stop it ends with %d", code)
	}
}

// download is a visitor who takes his time.
type download struct {
	res  *http.Response
	conn net.Conn
}

// slowDownload begins to read a file of this size through a link and stops after a first piece.
func slowDownload(t *testing.T, n *node, size int) *download {
	t.Helper()
	key := n.site.newKey()
	n.site.Must("files", "bucket", "create", "films")
	n.client(key).put("films", "long", strings.Repeat("0123456789abcdef", size/16))
	url := n.link("films/long")
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host)
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), nil)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("begin to download: %v, %v", res, err)
	}
	if _, err := io.CopyN(io.Discard, res.Body, 64<<10); err != nil {
		t.Fatal(err)
	}
	return &download{res, conn}
}

// filmSize is more than the sockets in between can hold.
const filmSize = 48 << 20

// A download under way is finished, while new connections are refused and load balancers are told.
func TestADownloadUnderWayIsFinishedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	site := newSite(t, pgtest.Database(t))
	n := site.serve()
	d := slowDownload(t, n, filmSize)
	n.Signal(syscall.SIGTERM)
	n.Line(`"msg":"stopping"`, stopLimit)
	for _, url := range []string{n.edge, n.s3} {
		lifecycletest.Eventually(t, 5*time.Second, func() error {
			conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err == nil {
				conn.Close()
				return fmt.Errorf("%s still takes connections", url)
			}
			return nil
		})
	}
	if err := wantStatus(n.admin+"/readyz", 503); err != nil {
		t.Errorf("while it stops: %v", err)
	}
	if r := site.Run("status"); r.Code != 7 || !strings.Contains(r.Stdout, "Holdfast is stopping") {
		t.Errorf("status while it stops: %d, %s", r.Code, r.Stdout)
	}
	rest, err := io.Copy(io.Discard, d.res.Body)
	if err != nil || rest != filmSize-64<<10 {
		t.Errorf("the rest of the download: %d bytes, %v", rest, err)
	}
	d.conn.Close()
	if code := n.Wait(stopLimit); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}

// A second signal ends the process at once, whatever is under way.
func TestASecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	n := newSite(t, pgtest.Database(t)).serve()
	slowDownload(t, n, filmSize)
	n.Signal(syscall.SIGTERM)
	n.Line(`"msg":"stopping"`, stopLimit)
	n.Signal(syscall.SIGTERM)
	began := time.Now()
	if code := n.Wait(stopLimit); code != -1 {
		t.Errorf("it ends with %d, not by the signal", code)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

// A visitor who does not go on reading is cut off when the time for the end is up, and the end is one in order.
func TestAStalledDownloadIsCutInTheEnd(t *testing.T) {
	t.Parallel()
	n := newSite(t, pgtest.Database(t)).serve()
	slowDownload(t, n, filmSize)
	n.Signal(syscall.SIGTERM)
	began := time.Now()
	if code := n.Wait(daemon.Drain + 20*time.Second); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	if took := time.Since(began); took < daemon.Drain-time.Second {
		t.Errorf("the visitor had %s, not %s", took, daemon.Drain)
	}
	if !strings.Contains(n.Err.String(), `"msg":"requests cut","listener":"edge"`) {
		t.Error("nothing is said of the requests that were cut")
	}
}
