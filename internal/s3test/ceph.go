package s3test

import (
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
)

const installCeph = "apt-get install --no-install-recommends radosgw ceph-mon ceph-osd"

// CephRGW starts the gateway of a Ceph cluster of its own: one monitor, one object store in memory, no authentication
// between them, no manager. It takes about two seconds on an idle machine and 150 MB. A missing program fails the test
// with the line that installs it.
func CephRGW(t testing.TB) *Server {
	t.Helper()
	c := newCeph(t)
	monitor := c.startMonitor(t)
	c.startStore(t, monitor)
	c.startGateway(t)
	return newServer(t, at("tcp", c.gateway))
}

// ceph is a cluster that is being built.
type ceph struct {
	dir     string
	id      string // of the cluster, a UUID
	host    string // a loopback address of its own, so that no two clusters meet on a port
	monitor string // host:port
	gateway string // host:port
}

func newCeph(t testing.TB) *ceph {
	t.Helper()
	var b [3]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	c := &ceph{dir: shortDir(t), id: uuid(), host: fmt.Sprintf("127.%d.%d.%d", b[0]|1, b[1], b[2]|1)}
	c.monitor, c.gateway = freeAddress(t, c.host), freeAddress(t, c.host)
	for _, d := range []string{"mon", "osd", "rgw"} {
		if err := os.Mkdir(filepath.Join(c.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(c.dir, "conf"), []byte(c.settings()), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// settings make the cluster small and quick, and keep it out of the directories of a real one. The store must
// not enter itself into the map of devices: without authentication it may do so before it learned the cluster's id, and
// gives up when it is refused. startStore enters it.
func (c *ceph) settings() string {
	return fmt.Sprintf(`[global]
fsid = %[1]s
mon_host = v1:%[2]s
mon_initial_members = a
public_addr = %[3]s
cluster_addr = %[3]s
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
keyring = %[4]s/keyring
run_dir = %[4]s
admin_socket = %[4]s/$name.asok
crash_dir = %[4]s
log_file = %[4]s/$name.log
pid_file =
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
[mon]
mon_data = %[4]s/mon
mon_data_avail_warn = 1
mon_data_avail_crit = 1
paxos_propose_interval = 0.01
paxos_min_wait = 0.005
[osd]
osd_data = %[4]s/osd
osd_objectstore = memstore
memstore_device_bytes = 12G
osd_crush_update_on_start = false
osd_class_update_on_start = false
[client]
rgw_data = %[4]s/rgw
rgw_frontends = beast endpoint=%[5]s
rgw_rados_pool_pg_num_min = 1
rgw_num_control_oids = 1
rgw_dns_name = %[6]s
`, c.id, c.monitor, c.host, c.dir, c.gateway, Domain)
}

// run runs one of Ceph's programs to its end; start runs one until the test ends.
func (c *ceph) run(t testing.TB, program string, args ...string) {
	t.Helper()
	runTool(t, find(t, program, installCeph), append([]string{"-c", c.path("conf")}, args...)...)
}

func (c *ceph) start(t testing.TB, program string, args ...string) *process {
	t.Helper()
	return start(t, c.dir, find(t, program, installCeph), append([]string{"-c", c.path("conf"), "-f"}, args...)...)
}

// tell gives the monitor an order that may be repeated: one that is young refuses some (EPERM).
func (c *ceph) tell(t testing.TB, monitor *process, order ...string) {
	t.Helper()
	monitor.await(t, succeeds(t, find(t, "ceph", installCeph), append([]string{"-c", c.path("conf")}, order...)...))
}

func (c *ceph) path(name string) string { return filepath.Join(c.dir, name) }

func (c *ceph) startMonitor(t testing.TB) *process {
	t.Helper()
	c.run(t, "monmaptool", "--create", "--fsid", c.id, "--addv", "a", "[v1:"+c.monitor+"]", c.path("monmap"))
	c.run(t, "ceph-mon", "-i", "a", "--mkfs", "--monmap", c.path("monmap"))
	p := c.start(t, "ceph-mon", "-i", "a")
	p.await(t, answers("tcp", c.monitor))
	return p
}

func (c *ceph) startStore(t testing.TB, monitor *process) {
	t.Helper()
	id := uuid()
	c.tell(t, monitor, "osd", "new", id, "0")
	c.tell(t, monitor, "osd", "crush", "add", "osd.0", "1", "root=default")
	c.run(t, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", id)
	// The first pool must find the store there: one that is made before waits for seconds.
	c.start(t, "ceph-osd", "-i", "0").await(t, logged(c.path("osd.0.log"), "state: booting -> active"))
}

func (c *ceph) startGateway(t testing.TB) {
	t.Helper()
	c.run(t, "radosgw-admin", "user", "create", "--uid=test", "--display-name=test",
		"--access-key="+accessKey, "--secret-key="+secretKey)
	c.start(t, "radosgw", "-n", "client.rgw").await(t, answers("tcp", c.gateway))
}

// freeAddress returns an address at which nobody listens.
func freeAddress(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// uuid returns a random one (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
