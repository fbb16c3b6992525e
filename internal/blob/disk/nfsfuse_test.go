package disk_test

import (
	"fmt"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/willscott/go-nfs-client/nfs"
	"golang.org/x/sys/unix"
)

// nfsFS is an NFS mount through FUSE, for kernels that have no NFS client: each call becomes the calls that Linux' client
// makes of it. What is written is committed by fsync and close; an open file that is removed is renamed to .nfs… until it is
// closed; there are no unnamed files, no attributes, no exclusive rename.
type nfsFS struct {
	fuse.RawFileSystem
	nfs         *nfsClient
	losesAnswer bool // each LINK, REMOVE and RENAME is done twice, as after an answer that was lost on the wire

	mu      sync.Mutex // protects the following
	nodes   map[uint64]*nfsNode
	ids     map[handle]uint64
	dirs    map[uint64][]nfs.EntryPlus // what open directories hold
	lastDir uint64
}

type nfsNode struct {
	fh       handle
	open     int    // descriptors
	verifier uint64 // of the last write
	written  bool   // since the last commit
	hidden   string // its .nfs… name, when it was removed while open
	parent   handle // of the hidden name
}

// mountNFSShare mounts what the server exports. loses: see nfsFS.
func mountNFSShare(t *testing.T, s *nfsServer, loses bool) (path string) {
	t.Helper()
	client, root := s.mount(t)
	t.Cleanup(client.conn.Close) // after the unmount
	f := &nfsFS{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), nfs: client, losesAnswer: loses,
		nodes: map[uint64]*nfsNode{fuse.FUSE_ROOT_ID: {fh: root}}, ids: map[handle]uint64{root: fuse.FUSE_ROOT_ID},
		dirs: map[uint64][]nfs.EntryPlus{},
	}
	path, _ = mountFUSE(t, f, "nfsbridge")
	return path
}

func (f *nfsFS) node(id uint64) *nfsNode {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[id]
}

func (f *nfsFS) fh(id uint64) handle { return f.node(id).fh }

// entry tells the kernel of a file, and remembers its handle under a number.
func (f *nfsFS) entry(fh handle, attr nfs.Fattr, out *fuse.EntryOut) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, ok := f.ids[fh]
	if !ok {
		id = uint64(len(f.nodes) + 1)
		f.ids[fh], f.nodes[id] = id, &nfsNode{fh: fh}
	}
	out.NodeId, out.Generation = id, 1
	fuseAttr(attr, &out.Attr)
}

func fuseAttr(a nfs.Fattr, out *fuse.Attr) {
	kind := map[uint32]uint32{nfs.NF3Reg: syscall.S_IFREG, nfs.NF3Dir: syscall.S_IFDIR, nfs.NF3Lnk: syscall.S_IFLNK}[a.Type]
	*out = fuse.Attr{
		Ino: a.Fileid, Mode: kind | a.FileMode&0o7777, Nlink: a.Nlink, Size: a.Filesize, Blocks: a.Used / 512, Blksize: 4096,
		Mtime: uint64(a.Mtime.Seconds), Mtimensec: a.Mtime.Nseconds, Ctime: uint64(a.Ctime.Seconds), Ctimensec: a.Ctime.Nseconds,
	}
}

// twice makes a call again if its first answer is to be lost.
func (f *nfsFS) twice(call func() syscall.Errno) fuse.Status {
	if f.losesAnswer {
		_ = call() // this is the answer that is lost
	}
	return fuse.Status(call())
}

func (f *nfsFS) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	fh, attr, errno := f.nfs.lookup(f.fh(in.NodeId), name)
	if errno == 0 {
		f.entry(fh, attr, out)
	}
	return fuse.Status(errno)
}

func (f *nfsFS) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	attr, errno := f.nfs.getattr(f.fh(in.NodeId))
	if errno == 0 {
		fuseAttr(attr, &out.Attr)
	}
	return fuse.Status(errno)
}

func (f *nfsFS) SetAttr(c <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if in.Valid&fuse.FATTR_SIZE != 0 {
		if errno := f.nfs.truncate(f.fh(in.NodeId), in.Size); errno != 0 {
			return fuse.Status(errno)
		}
	}
	return f.GetAttr(c, &fuse.GetAttrIn{InHeader: in.InHeader}, out)
}

func (f *nfsFS) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	fh, attr, errno := f.nfs.mkdir(f.fh(in.NodeId), name, in.Mode)
	if errno == 0 {
		f.entry(fh, attr, out)
	}
	return fuse.Status(errno)
}

func (f *nfsFS) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	fh, attr, errno := f.nfs.create(f.fh(in.NodeId), name, in.Mode, in.Flags&syscall.O_EXCL != 0)
	if errno != 0 {
		return fuse.Status(errno)
	}
	f.entry(fh, attr, &out.EntryOut)
	f.opened(out.EntryOut.NodeId, 1)
	return 0
}

func (f *nfsFS) Tmpfile(<-chan struct{}, *fuse.CreateIn, *fuse.CreateOut) fuse.Status {
	return fuse.Status(syscall.EOPNOTSUPP)
}

func (f *nfsFS) opened(id uint64, n int) *nfsNode {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[id].open += n
	return f.nodes[id]
}

// Open asks for the attributes: close-to-open consistency.
func (f *nfsFS) Open(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	if in.Flags&syscall.O_TRUNC != 0 {
		if errno := f.nfs.truncate(f.fh(in.NodeId), 0); errno != 0 {
			return fuse.Status(errno)
		}
	}
	_, errno := f.nfs.getattr(f.fh(in.NodeId))
	if errno == 0 {
		f.opened(in.NodeId, 1)
	}
	return fuse.Status(errno)
}

func (f *nfsFS) Release(_ <-chan struct{}, in *fuse.ReleaseIn) {
	n := f.opened(in.NodeId, -1)
	f.mu.Lock()
	hidden := n.hidden
	if n.open > 0 {
		hidden = ""
	} else {
		n.hidden = ""
	}
	f.mu.Unlock()
	if hidden != "" {
		_ = f.nfs.remove(n.parent, hidden)
	}
}

func (f *nfsFS) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	var all []byte
	for len(all) < len(buf) {
		data, errno := f.nfs.read(f.fh(in.NodeId), in.Offset+uint64(len(all)), uint32(len(buf)-len(all)))
		if errno != 0 {
			return nil, fuse.Status(errno)
		}
		if len(data) == 0 {
			break
		}
		all = append(all, data...)
	}
	return fuse.ReadResultData(all), 0
}

func (f *nfsFS) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	var done uint32
	n := f.node(in.NodeId)
	for int(done) < len(data) {
		count, verifier, errno := f.nfs.write(n.fh, in.Offset+uint64(done), data[done:])
		if errno != 0 {
			return done, fuse.Status(errno)
		}
		f.mu.Lock()
		lost := n.written && n.verifier != verifier
		n.verifier, n.written = verifier, true
		f.mu.Unlock()
		if lost {
			return done, fuse.EIO
		}
		done += count
	}
	return done, 0
}

// commit asks the server to write what it holds, and compares the verifiers.
func (f *nfsFS) commit(id uint64) fuse.Status {
	n := f.node(id)
	f.mu.Lock()
	written, verifier := n.written, n.verifier
	n.written = false
	f.mu.Unlock()
	if !written {
		return 0
	}
	now, errno := f.nfs.commit(n.fh)
	if errno == 0 && now != verifier {
		return fuse.EIO
	}
	return fuse.Status(errno)
}

func (f *nfsFS) Flush(_ <-chan struct{}, in *fuse.FlushIn) fuse.Status { return f.commit(in.NodeId) }

func (f *nfsFS) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status { return f.commit(in.NodeId) }

// FsyncDir has nothing to do: the server answered each change of names when it was durable.
func (f *nfsFS) FsyncDir(<-chan struct{}, *fuse.FsyncIn) fuse.Status { return 0 }

func (f *nfsFS) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	fh := f.fh(in.Oldnodeid)
	if status := f.twice(func() syscall.Errno { return f.nfs.link(fh, f.fh(in.NodeId), name) }); status != 0 {
		return status
	}
	attr, errno := f.nfs.getattr(fh)
	if errno == 0 {
		f.entry(fh, attr, out)
	}
	return fuse.Status(errno)
}

// Unlink hides a file that is open instead ("silly rename"): the server would take it away from the reader.
func (f *nfsFS) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	dir := f.fh(in.NodeId)
	fh, attr, errno := f.nfs.lookup(dir, name)
	if errno != 0 {
		return fuse.Status(errno)
	}
	f.mu.Lock()
	n := f.nodes[f.ids[fh]]
	hide := n != nil && n.open > 0 && n.hidden == "" && attr.Nlink == 1
	hidden := fmt.Sprintf(".nfs%016x%08x", attr.Fileid, f.ids[fh])
	if hide {
		n.hidden, n.parent = hidden, dir
	}
	f.mu.Unlock()
	if hide {
		return fuse.Status(f.nfs.rename(dir, name, dir, hidden))
	}
	return f.twice(func() syscall.Errno { return f.nfs.remove(dir, name) })
}

func (f *nfsFS) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return fuse.Status(f.nfs.rmdir(f.fh(in.NodeId), name))
}

func (f *nfsFS) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	if in.Flags&(unix.RENAME_NOREPLACE|unix.RENAME_EXCHANGE) != 0 {
		return fuse.EINVAL
	}
	return f.twice(func() syscall.Errno { return f.nfs.rename(f.fh(in.NodeId), oldName, f.fh(in.Newdir), newName) })
}

func (f *nfsFS) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lastDir++
	out.Fh = f.lastDir
	return 0
}

func (f *nfsFS) ReleaseDir(in *fuse.ReleaseIn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.dirs, in.Fh)
}

// ReadDir reads the directory once for each descriptor.
func (f *nfsFS) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	f.mu.Lock()
	entries, known := f.dirs[in.Fh]
	f.mu.Unlock()
	if !known || in.Offset == 0 {
		var errno syscall.Errno
		if entries, errno = f.nfs.readdir(f.fh(in.NodeId)); errno != 0 {
			return fuse.Status(errno)
		}
		f.mu.Lock()
		f.dirs[in.Fh] = entries
		f.mu.Unlock()
	}
	for i := int(in.Offset); i < len(entries); i++ {
		e := entries[i]
		var attr fuse.Attr
		if e.Attr.IsSet {
			fuseAttr(e.Attr.Attr, &attr)
		}
		if !out.AddDirEntry(fuse.DirEntry{Name: e.FileName, Mode: attr.Mode, Ino: e.FileId, Off: uint64(i + 1)}) {
			break
		}
	}
	return 0
}

func (f *nfsFS) StatFs(_ <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	n, errno := f.nfs.fsstat(f.fh(in.NodeId))
	const block = 4096
	*out = fuse.StatfsOut{
		Blocks: n[0] / block, Bfree: n[1] / block, Bavail: n[2] / block, Files: n[3], Ffree: n[4],
		Bsize: block, Frsize: block, NameLen: 255,
	}
	return fuse.Status(errno)
}
