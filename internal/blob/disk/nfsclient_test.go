package disk_test

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/willscott/go-nfs-client/nfs"
	"github.com/willscott/go-nfs-client/nfs/rpc"
	"github.com/willscott/go-nfs-client/nfs/xdr"
)

// nfsClient speaks NFSv3 (RFC 1813) by file handles, as a kernel does. The library's own client works by paths and lacks
// LINK, COMMIT and FSSTAT.
type nfsClient struct {
	conn *rpcConn
	auth rpc.Auth
}

// The procedures that the library has no number for (RFC 1813, section 3.3).
const (
	procLink   = 15
	procFSStat = 18
)

// handle is an opaque file handle.
type handle string

// nfsName is diropargs3: a name in a directory.
type nfsName struct {
	Dir  []byte
	Name string
}

func name3(dir handle, name string) nfsName { return nfsName{[]byte(dir), name} }

// call calls a procedure and decodes its result, if res is not nil.
func (c *nfsClient) call(proc uint32, args, res any) syscall.Errno {
	body, err := c.conn.call(nfs.Nfs3Prog, nfs.Nfs3Vers, proc, c.auth, args)
	if err != nil {
		return syscall.EIO
	}
	status, err := xdr.ReadUint32(body)
	if err != nil {
		return syscall.EIO
	}
	if status != 0 {
		return errnoOf(status)
	}
	if res == nil {
		return 0
	}
	if err := xdr.Read(body, res); err != nil && !errors.Is(err, io.EOF) {
		return syscall.EIO
	}
	return 0
}

// errnoOf translates nfsstat3: most of its numbers are those of Unix, though not of Linux where these differ.
func errnoOf(status uint32) syscall.Errno {
	switch status {
	case 63:
		return syscall.ENAMETOOLONG
	case 66:
		return syscall.ENOTEMPTY
	case 69:
		return syscall.EDQUOT
	case 70, 10001:
		return syscall.ESTALE
	case 10004:
		return syscall.ENOTSUP
	case 10008:
		return syscall.EAGAIN
	}
	if status < 32 {
		return syscall.Errno(status)
	}
	return syscall.EIO
}

// dialNFS asks the mount service for the handle of an exported directory (RFC 1813, appendix I), and connects to the NFS
// service.
func dialNFS(path string) (*nfsClient, handle, error) {
	auth := rpc.NewAuthUnix("holdfast-test", 0, 0).Auth()
	mounter, err := dialRPC(mountAddr)
	if err != nil {
		return nil, "", err
	}
	defer mounter.Close()
	body, err := mounter.call(nfs.MountProg, nfs.MountVers, nfs.MountProc3MNT, auth, path)
	if err != nil {
		return nil, "", err
	}
	if status, err := xdr.ReadUint32(body); err != nil || status != nfs.MNT3Ok {
		return nil, "", fmt.Errorf("mount: status %d, %w", status, err)
	}
	fh, err := xdr.ReadOpaque(body)
	if err != nil {
		return nil, "", err
	}
	conn, err := dialRPC(nfsAddr)
	if err != nil {
		return nil, "", err
	}
	c := &nfsClient{conn, auth}
	if _, errno := c.getattr(handle(fh)); errno != 0 {
		conn.Close()
		return nil, "", errno
	}
	return c, handle(fh), nil
}

func (c *nfsClient) getattr(fh handle) (attr nfs.Fattr, errno syscall.Errno) {
	errno = c.call(nfs.NFSProc3GetAttr, []byte(fh), &attr)
	return attr, errno
}

func (c *nfsClient) lookup(dir handle, name string) (handle, nfs.Fattr, syscall.Errno) {
	var res struct {
		FH   []byte
		Attr nfs.PostOpAttr
	}
	if errno := c.call(nfs.NFSProc3Lookup, name3(dir, name), &res); errno != 0 {
		return "", nfs.Fattr{}, errno
	}
	return c.complete(handle(res.FH), res.Attr)
}

// complete asks for the attributes that the server did not send along.
func (c *nfsClient) complete(fh handle, attr nfs.PostOpAttr) (handle, nfs.Fattr, syscall.Errno) {
	if attr.IsSet {
		return fh, attr.Attr, 0
	}
	a, errno := c.getattr(fh)
	return fh, a, errno
}

// made is what CREATE and MKDIR answer.
type made struct {
	FH   nfs.PostOpFH3
	Attr nfs.PostOpAttr
}

func (c *nfsClient) create(dir handle, name string, mode uint32, guarded bool) (handle, nfs.Fattr, syscall.Errno) {
	var res made
	how := map[bool]uint32{false: 0, true: 1}[guarded] // UNCHECKED, GUARDED
	errno := c.call(nfs.NFSProc3Create, &struct {
		Where nfsName
		How   uint32
		Attr  nfs.Sattr3
	}{name3(dir, name), how, nfs.Sattr3{Mode: nfs.SetMode{SetIt: true, Mode: mode & 0o7777}}}, &res)
	return c.found(dir, name, res, errno)
}

func (c *nfsClient) mkdir(dir handle, name string, mode uint32) (handle, nfs.Fattr, syscall.Errno) {
	var res made
	errno := c.call(nfs.NFSProc3Mkdir, &struct {
		Where nfsName
		Attr  nfs.Sattr3
	}{name3(dir, name), nfs.Sattr3{Mode: nfs.SetMode{SetIt: true, Mode: mode & 0o7777}}}, &res)
	return c.found(dir, name, res, errno)
}

func (c *nfsClient) found(dir handle, name string, res made, errno syscall.Errno) (handle, nfs.Fattr, syscall.Errno) {
	if errno != 0 {
		return "", nfs.Fattr{}, errno
	}
	if !res.FH.IsSet {
		return c.lookup(dir, name)
	}
	return c.complete(handle(res.FH.FH), res.Attr)
}

func (c *nfsClient) truncate(fh handle, size uint64) syscall.Errno {
	return c.call(nfs.NFSProc3SetAttr, &struct {
		FH    []byte
		Attr  nfs.Sattr3
		Guard bool
	}{[]byte(fh), nfs.Sattr3{Size: nfs.SetSize{SetIt: true, Size: size}}, false}, nil)
}

func (c *nfsClient) read(fh handle, offset uint64, count uint32) ([]byte, syscall.Errno) {
	var res struct {
		Attr  nfs.PostOpAttr
		Count uint32
		EOF   bool
		Data  []byte
	}
	errno := c.call(nfs.NFSProc3Read, &struct {
		FH     []byte
		Offset uint64
		Count  uint32
	}{[]byte(fh), offset, count}, &res)
	return res.Data, errno
}

// write writes without asking the server to sync; the verifier that it returns tells, compared with that of commit, whether
// the server restarted in between and lost the data.
func (c *nfsClient) write(fh handle, offset uint64, data []byte) (n uint32, verifier uint64, errno syscall.Errno) {
	var res struct {
		Wcc       nfs.WccData
		Count     uint32
		Committed uint32
		Verifier  uint64
	}
	errno = c.call(nfs.NFSProc3Write, &struct {
		FH     []byte
		Offset uint64
		Count  uint32
		Stable uint32 // 0: UNSTABLE
		Data   []byte
	}{[]byte(fh), offset, uint32(len(data)), 0, data}, &res)
	return res.Count, res.Verifier, errno
}

func (c *nfsClient) commit(fh handle) (verifier uint64, errno syscall.Errno) {
	var res struct {
		Wcc      nfs.WccData
		Verifier uint64
	}
	errno = c.call(nfs.NFSProc3Commit, &struct {
		FH     []byte
		Offset uint64
		Count  uint32 // 0: to the end
	}{FH: []byte(fh)}, &res)
	return res.Verifier, errno
}

func (c *nfsClient) remove(dir handle, name string) syscall.Errno {
	return c.call(nfs.NFSProc3Remove, name3(dir, name), nil)
}

func (c *nfsClient) rmdir(dir handle, name string) syscall.Errno {
	return c.call(nfs.NFSProc3RmDir, name3(dir, name), nil)
}

func (c *nfsClient) rename(dir handle, name string, to handle, newName string) syscall.Errno {
	return c.call(nfs.NFSProc3Rename, &struct{ From, To nfsName }{name3(dir, name), name3(to, newName)}, nil)
}

func (c *nfsClient) link(fh, dir handle, name string) syscall.Errno {
	return c.call(procLink, &struct {
		FH    []byte
		Where nfsName
	}{[]byte(fh), name3(dir, name)}, nil)
}

// fsstat returns the bytes and files of the file system: in all, free, free for us.
func (c *nfsClient) fsstat(fh handle) (numbers [6]uint64, errno syscall.Errno) {
	var res struct {
		Attr    nfs.PostOpAttr
		Numbers [6]uint64
	}
	errno = c.call(procFSStat, []byte(fh), &res)
	return res.Numbers, errno
}

// readdir returns the names in a directory.
func (c *nfsClient) readdir(dir handle) (entries []nfs.EntryPlus, errno syscall.Errno) {
	var cookie, verifier uint64
	for {
		body, err := c.conn.call(nfs.Nfs3Prog, nfs.Nfs3Vers, nfs.NFSProc3ReadDirPlus, c.auth, &struct {
			Dir                []byte
			Cookie, Verifier   uint64
			DirCount, MaxCount uint32
		}{[]byte(dir), cookie, verifier, 8 << 10, 64 << 10})
		if err != nil {
			return nil, syscall.EIO
		}
		var head struct {
			Status   uint32
			Attr     nfs.PostOpAttr
			Verifier uint64
		}
		if err := xdr.Read(body, &head.Status); err != nil || head.Status != 0 {
			return nil, errnoOf(head.Status)
		}
		if err := errors.Join(xdr.Read(body, &head.Attr), xdr.Read(body, &head.Verifier)); err != nil {
			return nil, syscall.EIO
		}
		verifier = head.Verifier
		for more, err := xdr.ReadUint32(body); more != 0 && err == nil; more, err = xdr.ReadUint32(body) {
			var e nfs.EntryPlus
			if err := xdr.Read(body, &e); err != nil {
				return nil, syscall.EIO
			}
			entries, cookie = append(entries, e), e.Cookie
		}
		if end, err := xdr.ReadUint32(body); err != nil || end != 0 {
			return entries, 0
		}
	}
}
