package disk_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The ports of the NFS server, in a network of its own.
const (
	nfsAddr   = "127.0.0.1:2049"
	mountAddr = "127.0.0.1:20048"
)

// nfsServer is NFS-Ganesha, a server of NFSv3 in user space, serving one directory. It lives in namespaces of its own: it
// registers itself with rpcbind on a fixed port, which another server on this machine may hold.
type nfsServer struct {
	export string
	cmd    *exec.Cmd
}

const ganeshaConfig = `
NFS_CORE_PARAM {
	Protocols = 3; NFS_Port = 2049; MNT_Port = 20048;
	Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false;
}
NFSV4 { Graceless = true; RecoveryRoot = "/run/ganesha"; }
EXPORT {
	Export_Id = 1; Path = %q; Pseudo = "/export"; Access_Type = RW; Squash = No_Root_Squash;
	Protocols = 3; Transports = TCP; SecType = sys; PrivilegedPort = false;
	FSAL { Name = VFS; }
}
LOG { Default_Log_Level = EVENT; }
`

// The shell is process 1 of its namespace, so everything ends with it. The file systems that other tests have mounted are let
// go of: they would stay alive here after their unmount.
const ganeshaStart = `set -e
mount --make-rprivate /
while read device path kind rest; do
	case "$device $kind" in /dev/loop*|*" fuse"*) umount -l "$path";; esac
done < /proc/mounts
mount -t tmpfs none /run
mkdir -p /run/ganesha /run/rpcbind
ip link set lo up
rpcbind -w
exec ganesha.nfsd -F -L /dev/stderr -f "$1" -p /run/ganesha/pid`

func startNFSServer(t *testing.T) *nfsServer {
	t.Helper()
	needRoot(t)
	needProgram(t, "ganesha.nfsd", "nfs-ganesha nfs-ganesha-vfs")
	needProgram(t, "rpcbind", "rpcbind")
	needProgram(t, "ip", "iproute2")
	s := &nfsServer{export: memoryDir(t)}
	config := filepath.Join(t.TempDir(), "ganesha.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, ganeshaConfig, s.export), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s.cmd = exec.CommandContext(context.Background(), "sh", "-c", ganeshaStart, "sh", config)
	s.cmd.Stdout, s.cmd.Stderr = &log, &log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		// The server dies with the thread that started it: so it does when the tests are killed, and that thread stays.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // killed
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start nfs server: %v", err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("nfs server:\n%s", log.Bytes())
		}
	})
	return s
}

// mount connects to the server, as soon as it answers, and returns the client and the handle of what it exports. A server
// that starts takes connections before it can answer, and drops some again.
func (s *nfsServer) mount(t *testing.T) (client *nfsClient, root handle) {
	t.Helper()
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread has left our network, and ends with the goroutine
		if err = enterNetwork(s.cmd.Process.Pid); err != nil {
			return
		}
		client, root, err = dialNFS(s.export)
		for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); {
			<-time.After(50 * time.Millisecond)
			client, root, err = dialNFS(s.export)
		}
	}()
	<-done
	if err != nil {
		t.Fatalf("mount %s: %v", s.export, err)
	}
	return client, root
}

// enterNetwork takes this thread into the network of a process.
func enterNetwork(pid int) error {
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer ns.Close()
	return unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
}
