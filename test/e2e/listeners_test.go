package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holdfast/internal/certtest"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// S3-02, S2-28: with nothing configured but the database there is one process with four doors, all of them on loopback.
func TestOneProcessListensOnLoopbackAlone(t *testing.T) {
	t.Parallel()
	needRoot(t)
	needProgram(t, "ip", "iproute2")
	site := newSite(t, pgtest.Database(t))
	for _, key := range []string{"edge.listen", "s3.listen", "admin.listen", "database.endpoints"} {
		delete(site.Settings, key)
	}
	// In a network of its own the usual ports are free.
	serve := site.Command("serve")
	cmd := exec.Command("unshare", "-n", "sh", "-c", `ip link set lo up && exec "$@"`, "sh", executable(t), "serve")
	cmd.Env = serve.Env
	n := &node{process: program.Launch(t, cmd), site: site}
	n.ready()
	want := []string{"127.0.0.1:6432", "127.0.0.1:7070", "127.0.0.1:8000", "127.0.0.1:9000"}
	if got := doors(t, n.PID); !slices.Equal(got, want) {
		t.Errorf("it listens on %q, want %q", got, want)
	}
	if n.edge != "http://127.0.0.1:8000" || n.s3 != "http://127.0.0.1:9000" || n.admin != "http://127.0.0.1:7070" {
		t.Errorf("it says that it listens on %s, %s, %s", n.edge, n.s3, n.admin)
	}
	if others := descendants(t, n.PID); len(others) != 0 {
		t.Errorf("processes besides the one: %v", others)
	}
}

// S2-28: an address that can be reached from outside needs TLS, on each listener.
func TestAPublicAddressNeedsTLS(t *testing.T) {
	t.Parallel()
	site := newSite(t, pgtest.Database(t))
	for _, table := range []string{"edge", "s3", "admin"} {
		for _, listen := range []string{"0.0.0.0:0", "[::]:0", ":0", "198.51.100.7:443"} {
			s := site.twin().set(table+".listen", listen)
			s.refused(3, table+".listen", "can be reached from outside", "set tls_cert and tls_key, or listen on a loopback or private address")
		}
	}
	cert, key, pool := certificate(t, site)
	for _, table := range []string{"edge", "s3", "admin"} {
		site.set(table+".listen", "0.0.0.0:0", table+".tls_cert", cert, table+".tls_key", key)
	}
	n := site.serve()
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	for name, url := range map[string]string{"edge": n.edge, "s3": n.s3} {
		url = strings.NewReplacer("[::]", "127.0.0.1", "0.0.0.0", "127.0.0.1").Replace(url)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := web.Do(req)
		if err != nil || !strings.HasPrefix(url, "https://") {
			t.Errorf("%s at %s: %v", name, url, err)
			continue
		}
		res.Body.Close()
	}
}

// executable is the path of this test binary, for programs that start it.
func executable(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// needRoot fails a test that mounts file systems or makes networks when it may not.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: run the tests as root")
	}
}

func needProgram(t testing.TB, program, deb string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%s is needed for this test: apt-get install %s", program, deb)
	}
}

// doors returns the addresses on which anything listens in the network of a process: TCP sockets in the state LISTEN
// and all UDP sockets (proc_pid_net(5)).
func doors(t testing.TB, pid int) []string {
	t.Helper()
	var all []string
	for table, state := range map[string]string{"tcp": "0A", "tcp6": "0A", "udp": "", "udp6": ""} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		for _, line := range lines[1:] {
			fields := strings.Fields(line)
			if state == "" || fields[3] == state {
				all = append(all, address(t, fields[1]))
			}
		}
	}
	slices.Sort(all)
	return all
}

// address reads "0100007F:1F90": an address as words in the machine's order, here little endian, and a port.
func address(t testing.TB, text string) string {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(net.IP(b).String(), strconv.FormatUint(n, 10))
}

// certificate writes a certificate for 127.0.0.1 with its key, and returns who signed it.
func certificate(t testing.TB, s *site) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	certFile, keyFile = s.Path("cert.pem"), s.Path("key.pem")
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"127.0.0.1"}})
	if err == nil {
		err = pair.Write(certFile, keyFile)
	}
	if err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile, pair.Pool()
}
