package pooler_test

import (
	"testing"

	"holdfast/internal/pgwire"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
)

// tls = "disable" offers no TLS, whatever certificate stands beside it; nothing is read of that.
func TestDisabledTLSIsNotOffered(t *testing.T) {
	t.Parallel()
	s := setup{change: func(c *pooler.Config, _ *postgres.Config) {
		c.Endpoints[0].TLS, c.Endpoints[0].TLSCert, c.Endpoints[0].TLSKey = "disable", "/nowhere.crt", "/nowhere.key"
	}}.start(t)
	w := s.dial(t, 0)
	w.send(pgwire.AppendSSLRequest(nil))
	var answer [1]byte
	if _, err := w.conn.Read(answer[:]); err != nil || answer[0] != 'N' {
		t.Errorf("asked for TLS, the answer is %q, %v; want N", answer[0], err)
	}
}
