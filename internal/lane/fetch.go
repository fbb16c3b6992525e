package lane

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// fetchBuffers are what the bytes of a file are read into and forgotten: only the kernel is to have them.
var fetchBuffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// touchFile reads n bytes of a file from an offset on, so that they are in memory afterwards. It may take as long as the
// disk does. An error will show again when the bytes are sent.
func touchFile(f *os.File, at, n int64) {
	_ = unix.Fadvise(int(f.Fd()), at, n, unix.FADV_WILLNEED) // all at once, where the file system can
	buf := fetchBuffers.Get().(*[64 << 10]byte)
	_, _ = io.CopyBuffer(nowhere{}, io.NewSectionReader(f, at, n), buf[:])
	fetchBuffers.Put(buf)
}

// nowhere is io.Discard without its own buffer.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
