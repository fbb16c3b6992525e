package pooler

import (
	"fmt"
	"strings"

	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// What is taken of the machine, at most. Clients are measured by "make bench", see docs/numbers.md; the rest is estimated.
const (
	otherFiles    = 512      // files, visitors, the log, the database of our own
	clientMemory  = 8 << 10  // of one that is connected, in bytes
	secureMemory  = 18 << 10 // of one inside TLS
	serverMemory  = 64 << 10 // of an answer on its way
	otherMemory   = 64 << 20 // of everything else in the process
	sessionMemory = 4 << 20  // of a session of a PostgreSQL of our own, with its catalogues, without work_mem
)

// Need is what a process may come to need of one thing, written out (S0-22).
type Need struct {
	Code    string // "files" or "memory"
	Thing   string // "open files", "memory"
	Sum     string // "10000 clients + 28 servers + 512 for everything else = 10540"
	Allowed string
	Fits    bool
	Hint    string
}

// Needs compares what the settings let a process come to with what there is. Things of which that is not known are left out.
func (c Config) Needs(db postgres.Config, room Room) []Need {
	if len(c.Doors()) == 0 {
		return nil
	}
	servers := 0
	for _, s := range c.Demand(db).Shares {
		servers += s.Count
	}
	var all []Need
	if room.Files > 0 {
		total := int64(c.MaxClients) + int64(servers) + otherFiles
		all = append(all, Need{
			Code: "files", Thing: "open files", Fits: total <= room.Files, Allowed: fmt.Sprint(room.Files),
			Sum:  fmt.Sprintf("%d clients (max_clients) + %d servers + %d for everything else = %d", c.MaxClients, servers, otherFiles, total),
			Hint: fmt.Sprintf("set LimitNOFILE=%d in the unit of systemd, ulimit -n in a shell or --ulimit nofile of a container, or lower max_clients", total),
		})
	}
	if room.Memory > 0 {
		all = append(all, c.memory(db, servers, room.Memory))
	}
	return all
}

func (c Config) memory(db postgres.Config, servers int, have int64) Need {
	var parts []string
	total := int64(0)
	add := func(n, each int64, what string) {
		total += n * each
		if n > 1 {
			parts = append(parts, fmt.Sprintf("%d × %s for %s", n, unit.Bytes(each), what))
		} else {
			parts = append(parts, fmt.Sprintf("%s for %s", unit.Bytes(each), what))
		}
	}
	each := int64(clientMemory)
	for _, e := range c.Doors() {
		if e.TLSCert != "" && e.TLS != "disable" {
			each = secureMemory
		}
	}
	add(int64(c.MaxClients), each, "clients (max_clients)")
	add(int64(servers), serverMemory, "servers")
	add(1, otherMemory, "the rest of Holdfast")
	if db.Mode == postgres.PrivateCluster {
		sessions := int64(db.Private.MaxConnections)
		if sessions == 0 {
			sessions = int64(c.Demand(db).Total() + postgres.ConnectionReserve)
		}
		add(1, int64(db.Private.SharedBuffers), "shared_buffers")
		add(sessions, sessionMemory, "sessions of PostgreSQL")
	}
	return Need{
		Code: "memory", Thing: "memory", Fits: total <= have, Allowed: unit.Bytes(have &^ (1<<20 - 1)).String(),
		Sum:  fmt.Sprintf("%s = %s", strings.Join(parts, " + "), unit.Bytes((total+1<<20-1)&^(1<<20-1))),
		Hint: "lower max_clients, or max_size of [database.options.pool] or of an endpoint, or give the machine or the container more memory",
	}
}
