package daemon

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/audit"
	"holdfast/internal/config"
	"holdfast/internal/fault"
	"holdfast/internal/fstype"
	"holdfast/internal/health"
	"holdfast/internal/node"
	"holdfast/internal/web"
)

// maxJoinFile bounds one file that is handed to a new machine, in bytes.
const maxJoinFile = 4 << 20

// mostAddresses is how many addresses a token names when nobody says which.
const mostAddresses = 4

// makeNode makes what lets machines join that have a token.
func (d *Daemon) makeNode(ctx context.Context) error {
	migrations, err := fs.Sub(node.Migrations, "migrations")
	if err != nil {
		return err
	}
	if err := d.db.Migrate(ctx, "node", migrations); err != nil {
		return fmt.Errorf("bring the schema up to date: %w", err)
	}
	d.node, err = node.New(node.Options{
		DB: d.db, MasterKey: d.cfg.Files.MasterKey, Version: d.opts.Version,
		Bundle:    func() (node.Bundle, error) { return bundleOf(d.config(), d.opts.Version) },
		Addresses: d.joinAddresses, State: d.nodeState, Record: d.recordNode, Log: d.log.With("part", "node"),
	})
	return err
}

// startNode puts this process on the list of nodes. It comes last: the list says where the listeners are.
func (d *Daemon) startNode(ctx context.Context) error { return d.run(ctx, "node", d.node) }

// nodeState is how this process is, as /readyz tells it.
func (d *Daemon) nodeState() node.State {
	s := node.State{Edge: d.edge.URL(), Admin: d.admin.URL(), State: node.StateReady}
	for _, f := range d.health.Snapshot() {
		switch {
		case f.Code == stopping().Code:
			s.State, s.Reason = node.StateStopping, ""
			return s
		case f.Severity >= health.Error && s.Reason == "":
			s.State, s.Reason = node.StateNotReady, f.Title
		}
	}
	return s
}

// recordNode writes into the audit stream, where there is one.
func (d *Daemon) recordNode(e node.Event) {
	if d.audit == nil {
		return
	}
	r := audit.Record{
		Event:  map[node.Kind]audit.Event{node.Invited: audit.NodeInvited, node.JoinedEvent: audit.NodeJoined, node.Revoked: audit.NodeRevoked}[e.Kind],
		Person: e.Host, Method: "invite " + e.Invite, Reason: e.Text, Rows: -1,
	}
	if ip, err := netip.ParseAddr(e.Address); err == nil {
		r.Client = netip.AddrPortFrom(ip, 0)
	}
	d.audit.Write(&r)
}

// joinAddresses are where a new machine can ask: the site's public address, which leads to any node, then this node's listeners.
// local says that all of them lead to the machine that asks.
func (d *Daemon) joinAddresses() (all []string, local bool) {
	host, local := "", true
	if hosts := d.config().Edge.Hosts; len(hosts) > 0 {
		host, local = "#"+hosts[0], false
		all = append(all, d.publicURL())
	}
	var loops []string
	for _, l := range []struct{ url, addr, host string }{{d.edge.URL(), d.edge.Addr(), host}, {d.admin.URL(), d.admin.Addr(), ""}} {
		for _, a := range reachable(l.addr) {
			url := strings.Replace(l.url, l.addr, a.String(), 1) + l.host
			if a.Addr().IsLoopback() {
				loops = append(loops, url)
				continue
			}
			all, local = append(all, url), false
		}
	}
	if local {
		return loops, true
	}
	return all[:min(len(all), mostAddresses)], false
}

// reachable returns the addresses under which others reach a listener: of one on all interfaces, those that the machine has.
func reachable(addr string) []netip.AddrPort {
	a, err := netip.ParseAddrPort(addr)
	switch {
	case err != nil: // a Unix socket
		return nil
	case !a.Addr().IsUnspecified():
		return []netip.AddrPort{a}
	}
	var all []netip.AddrPort
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, x := range own {
		if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr().IsGlobalUnicast() {
			all = append(all, netip.AddrPortFrom(p.Addr(), a.Port()))
		}
	}
	return all
}

// bundleOf gathers the files of a configuration.
func bundleOf(cfg *config.Config, version string) (node.Bundle, error) {
	dir, files, err := cfg.ConfigFiles()
	switch {
	case err != nil:
		return node.Bundle{}, err
	case len(files) == 0:
		return node.Bundle{}, fault.New(fault.Config, "invite_environment", "this Holdfast has all its configuration from the environment").
			WithHint("a new machine needs no token: start it with the same variables")
	case cfg.Database.Mode == "private":
		return node.Bundle{}, fault.New(fault.Config, "invite_private", "the database is a private one, which other machines cannot reach").
			WithHint("name a PostgreSQL server in [database] that all machines reach")
	}
	b := node.Bundle{Config: filepath.Clean(files[0]), Variables: cfg.Variables(), Version: version, Notes: machineNotes(cfg)}
	if path, err := filepath.Abs(cfg.Path()); err == nil && path == dir {
		b.Config, b.Directory = dir, true
	}
	if err := addAll(&b, cfg, dir, files); err != nil {
		return node.Bundle{}, err
	}
	return b, nil
}

// addAll adds the files of the configuration, and those that they name.
func addAll(b *node.Bundle, cfg *config.Config, dir string, files []string) error {
	for _, path := range files {
		if b.Directory && strings.HasSuffix(path, node.LocalSuffix) {
			b.Notes = append(b.Notes, node.Note{Key: filepath.Base(path), Text: "is not copied: it is for one machine", Hint: "write one for this machine, if it needs it"})
			continue
		}
		name := ""
		if b.Directory {
			name = filepath.Base(path)
		}
		if err := addFile(b, node.File{Name: name}, path); err != nil {
			return err
		}
	}
	for _, f := range cfg.NamedFiles() {
		name, err := filepath.Rel(dir, f.Path)
		if err != nil || !filepath.IsLocal(name) {
			name = filepath.Clean(f.Path)
		}
		if err := addFile(b, node.File{Name: name, Key: f.Key}, f.Path); err != nil {
			return err
		}
	}
	return nil
}

// addFile reads a file into a bundle.
func addFile(b *node.Bundle, f node.File, path string) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("gather the configuration: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return fmt.Errorf("gather the configuration: %w", err)
	}
	if f.Data, err = io.ReadAll(io.LimitReader(in, maxJoinFile+1)); err != nil {
		return fmt.Errorf("gather the configuration: %w", err)
	}
	if len(f.Data) > maxJoinFile {
		return fault.New(fault.Full, "join_large", "%s is larger than %d MiB", path, maxJoinFile>>20)
	}
	f.Mode = info.Mode().Perm()
	b.Files = append(b.Files, f)
	return nil
}

// machineNotes tells what a configuration says about the one machine that it is on.
func machineNotes(cfg *config.Config) []node.Note {
	var all []node.Note
	add := func(key, hint, format string, args ...any) {
		all = append(all, node.Note{Key: key, Text: fmt.Sprintf(format, args...), Hint: hint})
	}
	type listener struct{ key, address string }
	listeners := []listener{{"edge.listen", cfg.Edge.Listen}, {"s3.listen", cfg.S3.Listen}, {"admin.listen", cfg.Admin.Listen}, {"cache.listen", cfg.Cache.Listen}}
	for i, l := range cfg.Edge.Listeners {
		listeners = append(listeners, listener{fmt.Sprintf("edge.listeners[%d].listen", i), l.Listen})
	}
	for i, e := range cfg.Database.Pooling.Endpoints {
		listeners = append(listeners, listener{fmt.Sprintf("database.endpoints[%d].listen", i), e.Listen})
	}
	for _, l := range listeners {
		host, _, err := net.SplitHostPort(l.address)
		ip, bad := netip.ParseAddr(host)
		if err == nil && bad == nil && !ip.IsLoopback() && !ip.IsUnspecified() {
			add(l.key, "give this machine its own: in a file *"+node.LocalSuffix+" or by the environment", "%s is an address of the machine that invited", l.address)
		}
	}
	if h := cfg.Database.Host; h != "" && (strings.HasPrefix(h, "/") || web.IsPrivate(h) && isLoopback(h)) {
		add("database.host", "name an address that all machines reach", "%s leads to the machine itself", h)
	}
	if _, network := fstype.Of(cfg.Media.Root); !cfg.Storage.S3.Enabled && !network {
		add("media.root", "share the directory (NFS), or use [storage.s3]; without the same files this machine refuses to start",
			"%s is a local disk of the machine that invited", cfg.Media.Root)
	}
	return all
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
