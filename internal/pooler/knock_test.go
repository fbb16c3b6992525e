package pooler_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Connections that say nothing are bounded, and those who come when the bound is reached are told so at once; as soon as some go, clients
// are let in again.
func TestStrangersWhoSayNothingAreBounded(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	var silent []net.Conn
	defer func() {
		for _, c := range silent {
			_ = c.Close()
		}
	}()
	for range 2000 {
		c, err := net.Dial("tcp", s.pooler.Addr(0))
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	c, err := net.Dial("tcp", s.pooler.Addr(0))
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if said, err := io.ReadAll(c); err != nil || !strings.Contains(string(said), "53300") {
		t.Errorf("one more connection was told %q, %v; want 53300", said, err)
	}
	for _, c := range silent {
		_ = c.Close()
	}
	silent = nil
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := tryConnect(t, s)
		if err == nil {
			_ = conn.Close(t.Context())
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody is let in after the strangers left: %v", err)
		}
	}
}

func tryConnect(t *testing.T, s *site) (*pgx.Conn, error) {
	return pgx.Connect(t.Context(), s.url(0)+"?sslmode=disable")
}
