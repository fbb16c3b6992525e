package relay

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
)

// cutter hands bytes on in pieces of random size, as a network would. It is safe for concurrent use.
type cutter struct {
	mu  sync.Mutex // protects the following
	rnd *rand.Rand
	max int // of a piece in bytes; 0 cuts nothing
}

func newCutter(seed uint64, maxPiece int) *cutter {
	return &cutter{rnd: rand.New(rand.NewPCG(seed, 1)), max: maxPiece}
}

// grow returns how many of n bytes to show, of which k were shown already. Large messages come in larger pieces.
func (c *cutter) grow(k, n int) int {
	if c.max == 0 {
		return n
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return min(n, k+k/4+n/500+1+c.rnd.IntN(c.max))
}

// work shows growing parts of b to do, which returns how many bytes it took, and returns what was not taken. Each call gets a copy that
// is spoiled afterwards, so that what keeps a part of it shows.
func (c *cutter) work(b []byte, do func(part []byte) (int, error)) (rest []byte, err error) {
	shown := 0
	for shown < len(b) {
		shown = c.grow(shown, len(b))
		part := append([]byte(nil), b[:shown]...)
		n, err := do(part)
		for i := range part {
			part[i] = 0xa5
		}
		if n < 0 || n > shown {
			return b, errTookTooMuch
		}
		b, shown = b[n:], shown-n
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

var errTookTooMuch = errors.New("more was taken than given")

// sender writes to a connection without ever blocking who sends.
type sender struct {
	conn net.Conn
	mu   sync.Mutex // protects the following
	cond *sync.Cond
	buf  []byte
	end  bool
	done chan struct{}
}

func newSender(conn net.Conn) *sender {
	s := &sender{conn: conn, done: make(chan struct{})}
	s.cond = sync.NewCond(&s.mu)
	go s.run()
	return s
}

func (s *sender) send(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf, b...)
	s.cond.Signal()
}

func (s *sender) run() {
	defer close(s.done)
	defer s.conn.Close()
	for {
		s.mu.Lock()
		for len(s.buf) == 0 && !s.end {
			s.cond.Wait()
		}
		b := s.buf
		s.buf = nil
		s.mu.Unlock()
		if len(b) == 0 {
			return
		}
		if _, err := s.conn.Write(b); err != nil {
			return
		}
	}
}

// close writes what is left and closes the connection.
func (s *sender) close() {
	s.mu.Lock()
	s.end = true
	s.cond.Signal()
	s.mu.Unlock()
	<-s.done
}

// receive reads a connection to its end into a channel that is closed then.
func receive(conn io.Reader) <-chan []byte {
	c := make(chan []byte, 64)
	go func() {
		defer close(c)
		for {
			b := make([]byte, 16<<10)
			n, err := conn.Read(b)
			if n > 0 {
				c <- b[:n]
			}
			if err != nil {
				return
			}
		}
	}()
	return c
}
