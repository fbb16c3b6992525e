package census

import (
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// FindProcesses fills in the processes of this machine's TCP clients, where proc (as "/proc") tells them.
func FindProcesses(proc string, all []Connection) {
	wanted := map[netip.AddrPort][]int{}
	for i, c := range all {
		if a, err := netip.ParseAddr(c.Address); err == nil && c.PID == 0 && c.Port > 0 {
			at := netip.AddrPortFrom(a.Unmap(), uint16(c.Port)) //nolint:gosec // a port
			wanted[at] = append(wanted[at], i)
		}
	}
	if len(wanted) == 0 {
		return
	}
	sockets := map[string][]int{} // what a link below fd reads, and whose it is
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile(filepath.Join(proc, "net", table))
		if err != nil {
			continue // no such family, or no such /proc
		}
		for line := range strings.Lines(string(text)) {
			at, inode, ok := readSocket(line)
			if indexes := wanted[at]; ok && indexes != nil {
				sockets["socket:["+inode+"]"] = indexes
			}
		}
	}
	if len(sockets) > 0 {
		findOwners(proc, sockets, all)
	}
}

// readSocket reads the local address and the inode of a line of /proc/net/tcp, proc_pid_net(5).
func readSocket(line string) (at netip.AddrPort, inode string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 10 {
		return at, "", false
	}
	host, port, _ := strings.Cut(fields[1], ":")
	raw, err := hex.DecodeString(host)
	n, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(raw)%4 != 0 {
		return at, "", false
	}
	for i := 0; i < len(raw); i += 4 { // words in the machine's order, which is little-endian wherever we run
		raw[i], raw[i+1], raw[i+2], raw[i+3] = raw[i+3], raw[i+2], raw[i+1], raw[i]
	}
	a, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(a.Unmap(), uint16(n)), fields[9], ok
}

// findOwners looks through the descriptors of all processes that we may look into.
func findOwners(proc string, sockets map[string][]int, all []Connection) {
	directories, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd"))
	if err != nil {
		return // the pattern is well-formed
	}
	for _, dir := range directories {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		if err != nil {
			continue
		}
		links, _ := os.ReadDir(dir) // those of others are closed to us, and processes end
		for _, l := range links {
			to, err := os.Readlink(filepath.Join(dir, l.Name()))
			if err != nil {
				continue
			}
			for _, i := range sockets[to] {
				all[i].PID = pid
			}
		}
	}
}
