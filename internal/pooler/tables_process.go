package pooler

import (
	"cmp"
	"reflect"
	"runtime/metrics"
	"slices"
	"syscall"

	"holdfast/internal/console"
	"holdfast/internal/relay"
)

// Memory implements console.Process: what clients and servers take at least, and what Go's run time has.
func (s source) Memory() []console.Memory {
	of := func(name string, size uintptr, used int) console.Memory {
		n := int64(size) //nolint:gosec // the size of a type
		return console.Memory{Name: name, Size: n, Used: int64(used), Total: n * int64(used)}
	}
	servers := 0
	for _, g := range s.pools("") {
		servers += g.pool.Stats().Size
	}
	client := reflect.TypeFor[session]().Size() + reflect.TypeFor[relay.Client]().Size()
	server := reflect.TypeFor[server]().Size() + reflect.TypeFor[relay.Server]().Size()
	return append([]console.Memory{
		of("client", client, s.clients.count()),
		of("server", server, servers),
		of("prepared_statement", reflect.TypeFor[relay.Statement]().Size(), s.statements.Len()),
	}, goMemory()...)
}

// goMemory asks Go's run time, which answers without stopping anything.
func goMemory() []console.Memory {
	const class = "/memory/classes/"
	samples := []metrics.Sample{
		{Name: class + "heap/objects:bytes"},
		{Name: class + "heap/free:bytes"},
		{Name: class + "heap/unused:bytes"},
		{Name: class + "heap/stacks:bytes"},
		{Name: class + "total:bytes"},
		{Name: class + "heap/released:bytes"},
	}
	metrics.Read(samples)
	n := make([]int64, len(samples))
	for i, s := range samples {
		n[i] = int64(s.Value.Uint64()) //nolint:gosec // bytes of memory
	}
	return []console.Memory{
		{Name: "go_heap", Size: 1, Used: n[0], Free: n[1] + n[2], Total: n[0] + n[1] + n[2]},
		{Name: "go_stacks", Size: 1, Used: n[3], Total: n[3]},
		{Name: "go_total", Size: 1, Used: n[4] - n[5], Free: n[5], Total: n[4] - n[5]},
	}
}

// Descriptors implements console.Process.
func (s source) Descriptors() []console.Descriptor {
	var rows []console.Descriptor
	for _, e := range s.endpoints {
		if fd, ok := descriptorOf(e.listener); ok {
			row := console.Descriptor{FD: fd, Task: "pooler"}
			row.Addr, row.Port = addressAndPort(e.addr())
			rows = append(rows, row)
		}
	}
	ofClients, _ := fold(s.sessions(), func(to *[]console.Descriptor, one *session) {
		if one.closed {
			return
		}
		row := described(one.relay.Params())
		row.FD, row.Task, row.User, row.Database = one.stream.FD(), "client", one.who.user, one.who.database
		row.Addr, row.Port = one.who.address, int(one.who.peer.Port())
		if one.server != nil {
			row.Link = one.server.stream.FD()
		}
		*to = append(*to, row)
	})
	ofServers, _ := fold(s.servers(), func(to *[]console.Descriptor, l leased) {
		l.look(func(one *server) {
			row := described(one.relay.Params())
			row.FD, row.Task, row.User, row.Database = one.stream.FD(), "server", l.group.key.user, l.group.key.database
			row.Addr, row.Port = addressAndPort(one.host)
			if one.session != nil {
				row.Link = one.session.stream.FD()
			}
			*to = append(*to, row)
		})
	})
	rows = slices.Concat(rows, slices.Concat(ofClients...), slices.Concat(ofServers...))
	slices.SortFunc(rows, func(a, b console.Descriptor) int { return cmp.Compare(a.FD, b.FD) })
	return rows
}

func described(p *relay.Params) console.Descriptor {
	get := func(name string) string {
		value, _ := p.Get(name)
		return value
	}
	return console.Descriptor{
		ClientEncoding: get("client_encoding"), StdStrings: get("standard_conforming_strings"),
		DateStyle: get("DateStyle"), TimeZone: get("TimeZone"),
	}
}

// descriptorOf returns the descriptor of a listener.
func descriptorOf(l any) (fd int, ok bool) {
	c, is := l.(syscall.Conn)
	if !is {
		return 0, false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = raw.Control(func(n uintptr) { fd = int(n) }) //nolint:gosec // a descriptor
	return fd, err == nil
}
