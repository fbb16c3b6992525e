package disk_test

import (
	"bytes"
	"maps"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// lazyFS serves a lazyDisk to the kernel. Nodes are named to the kernel by their inode numbers and never forgotten.
type lazyFS struct {
	fuse.RawFileSystem
	disk *lazyDisk
}

// mountLazy mounts the disk. The unmount waits until the kernel has let go.
func mountLazy(t *testing.T, d *lazyDisk) (path string, unmount func()) {
	t.Helper()
	return mountFUSE(t, &lazyFS{fuse.NewDefaultRawFileSystem(), d}, "lazydisk")
}

// do runs one operation unless a fault stops it.
func (f *lazyFS) do(op string, run func() syscall.Errno) fuse.Status {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if errno := f.disk.gate(op); errno != 0 {
		return fuse.Status(errno)
	}
	return fuse.Status(run())
}

// find returns the inode of a name, or nil.
func (f *lazyFS) find(dir uint64, name string) *lazyInode {
	return f.disk.inodes[f.disk.inodes[dir].names[name]]
}

func (n *lazyInode) attr(out *fuse.Attr) {
	*out = fuse.Attr{
		Ino: n.ino, Mode: n.mode, Nlink: uint32(n.links), Size: uint64(len(n.data)), Blksize: 4096,
		Mtime: uint64(n.mtime.Unix()), Mtimensec: uint32(n.mtime.Nanosecond()),
	}
}

func (n *lazyInode) entry(out *fuse.EntryOut) {
	out.NodeId, out.Generation = n.ino, 1
	n.attr(&out.Attr)
}

func (f *lazyFS) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	return f.do("lookup", func() syscall.Errno {
		n := f.find(in.NodeId, name)
		if n == nil {
			return syscall.ENOENT
		}
		n.entry(out)
		return 0
	})
}

func (f *lazyFS) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return f.do("getattr", func() syscall.Errno {
		f.disk.inodes[in.NodeId].attr(&out.Attr)
		return 0
	})
}

func (f *lazyFS) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return f.do("setattr", func() syscall.Errno {
		n := f.disk.inodes[in.NodeId]
		if in.Valid&fuse.FATTR_SIZE != 0 {
			n.data, n.dirty = resize(n.data, int(in.Size)), true
		}
		if in.Valid&fuse.FATTR_MTIME != 0 {
			n.mtime = time.Unix(int64(in.Mtime), int64(in.Mtimensec))
		}
		n.attr(&out.Attr)
		return 0
	})
}

func resize(data []byte, size int) []byte {
	if size <= len(data) {
		return data[:size]
	}
	return append(data, make([]byte, size-len(data))...) // nobody else holds data: saved content is a copy
}

func (f *lazyFS) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return f.do("mkdir", func() syscall.Errno {
		if f.find(in.NodeId, name) != nil {
			return syscall.EEXIST
		}
		n := f.disk.create(syscall.S_IFDIR | in.Mode)
		f.disk.change(change{ino: n.ino, to: in.NodeId, new: name})
		n.entry(out)
		return 0
	})
}

func (f *lazyFS) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	return f.do("create", func() syscall.Errno {
		if f.find(in.NodeId, name) != nil {
			return syscall.EEXIST
		}
		n := f.disk.create(syscall.S_IFREG | in.Mode)
		f.disk.change(change{ino: n.ino, to: in.NodeId, new: name})
		n.entry(&out.EntryOut)
		return 0
	})
}

func (f *lazyFS) Tmpfile(_ <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	return f.do("tmpfile", func() syscall.Errno {
		if !f.disk.kind.unnamed {
			return syscall.EOPNOTSUPP
		}
		f.disk.create(syscall.S_IFREG | in.Mode).entry(&out.EntryOut)
		return 0
	})
}

func (f *lazyFS) Open(_ <-chan struct{}, in *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	return f.do("open", func() syscall.Errno {
		if n := f.disk.inodes[in.NodeId]; in.Flags&syscall.O_TRUNC != 0 {
			n.data, n.dirty = nil, true
		}
		return 0
	})
}

func (f *lazyFS) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	n := 0
	status := f.do("read", func() syscall.Errno {
		data := f.disk.inodes[in.NodeId].data
		n = copy(buf, data[min(int(in.Offset), len(data)):])
		return 0
	})
	return fuse.ReadResultData(buf[:n]), status
}

func (f *lazyFS) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	return uint32(len(data)), f.do("write", func() syscall.Errno {
		n, at := f.disk.inodes[in.NodeId], int(in.Offset)
		if at+len(data) > len(n.data) {
			n.data = resize(n.data, at+len(data))
		}
		copy(n.data[at:], data)
		n.dirty, n.mtime = true, time.Now()
		return 0
	})
}

func (f *lazyFS) Flush(_ <-chan struct{}, _ *fuse.FlushIn) fuse.Status {
	return f.do("flush", func() syscall.Errno { return 0 })
}

func (f *lazyFS) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return f.do("fsync", func() syscall.Errno {
		const dataOnly = 1 // FUSE_FSYNC_FDATASYNC of linux/fuse.h
		f.disk.syncFile(f.disk.inodes[in.NodeId], in.FsyncFlags&dataOnly != 0)
		return 0
	})
}

func (f *lazyFS) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return f.do("fsyncdir", func() syscall.Errno {
		f.disk.syncDir(in.NodeId)
		return 0
	})
}

func (f *lazyFS) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	return f.do("link", func() syscall.Errno {
		if f.find(in.NodeId, name) != nil {
			return syscall.EEXIST
		}
		f.disk.change(change{ino: in.Oldnodeid, to: in.NodeId, new: name})
		f.disk.inodes[in.Oldnodeid].entry(out)
		return 0
	})
}

func (f *lazyFS) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return f.do("unlink", func() syscall.Errno {
		n := f.find(in.NodeId, name)
		if n == nil {
			return syscall.ENOENT
		}
		f.disk.change(change{ino: n.ino, from: in.NodeId, old: name})
		return 0
	})
}

func (f *lazyFS) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return f.do("rmdir", func() syscall.Errno {
		n := f.find(in.NodeId, name)
		switch {
		case n == nil:
			return syscall.ENOENT
		case len(n.names) > 0:
			return syscall.ENOTEMPTY
		}
		f.disk.change(change{ino: n.ino, from: in.NodeId, old: name})
		return 0
	})
}

func (f *lazyFS) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	return f.do("rename", func() syscall.Errno {
		n := f.find(in.NodeId, oldName)
		switch {
		case in.Flags&unix.RENAME_NOREPLACE != 0 && !f.disk.kind.exclusive:
			return syscall.EINVAL
		case n == nil:
			return syscall.ENOENT
		case in.Flags&unix.RENAME_NOREPLACE != 0 && f.find(in.Newdir, newName) != nil:
			return syscall.EEXIST
		}
		f.disk.change(change{ino: n.ino, from: in.NodeId, old: oldName, to: in.Newdir, new: newName})
		return 0
	})
}

func (f *lazyFS) SetXAttr(_ <-chan struct{}, in *fuse.SetXAttrIn, attr string, data []byte) fuse.Status {
	return f.do("setxattr", func() syscall.Errno {
		switch n := f.disk.inodes[in.NodeId]; {
		case !f.disk.kind.attributes:
			return syscall.ENOTSUP
		case len(data) > 4000:
			return syscall.ENOSPC // as ext4 says it
		default:
			n.attrs[attr], n.dirty = bytes.Clone(data), true
			return 0
		}
	})
}

func (f *lazyFS) GetXAttr(_ <-chan struct{}, in *fuse.InHeader, attr string, dest []byte) (size uint32, status fuse.Status) {
	status = f.do("getxattr", func() syscall.Errno {
		data, ok := f.disk.inodes[in.NodeId].attrs[attr]
		size = uint32(len(data))
		switch {
		case !f.disk.kind.attributes:
			return syscall.ENOTSUP
		case !ok:
			return syscall.ENODATA
		case len(dest) > 0 && len(dest) < len(data):
			return syscall.ERANGE
		}
		copy(dest, data)
		return 0
	})
	return size, status
}

func (f *lazyFS) OpenDir(_ <-chan struct{}, _ *fuse.OpenIn, _ *fuse.OpenOut) fuse.Status {
	return f.do("opendir", func() syscall.Errno { return 0 })
}

func (f *lazyFS) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return f.do("readdir", func() syscall.Errno {
		names := f.disk.inodes[in.NodeId].names
		sorted := slices.Sorted(maps.Keys(names))
		for i := int(in.Offset); i < len(sorted); i++ {
			n := f.disk.inodes[names[sorted[i]]]
			if !out.AddDirEntry(fuse.DirEntry{Name: sorted[i], Mode: n.mode, Ino: n.ino, Off: uint64(i + 1)}) {
				break
			}
		}
		return 0
	})
}

func (f *lazyFS) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	return f.do("statfs", func() syscall.Errno {
		*out = fuse.StatfsOut{Blocks: 1 << 30, Bfree: 1 << 30, Bavail: 1 << 30, Bsize: 4096, Frsize: 4096, NameLen: 255}
		return 0
	})
}
