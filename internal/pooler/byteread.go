package pooler

import (
	"bufio"
	"io"
	"net"
)

// newByteReader returns a reader that takes no byte beyond those it is asked for: it reads them one at a time, as the header
// of the PROXY protocol is short and comes once.
func newByteReader(c net.Conn) *bufio.Reader { return bufio.NewReaderSize(&oneByOne{c}, 16) }

type oneByOne struct{ r io.Reader }

func (o *oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }
