package admin

import (
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
	"holdfast/internal/web"
)

// Config is the table [admin]: status, metrics and the API for people and programs that run the site.
type Config struct {
	// Listen is the address of the admin listener. Default "127.0.0.1:7070".
	Listen string `toml:"listen"`
	// Token that requests to the API must carry (Authorization: Bearer …); also token_file. holdfast init generates it.
	Token secret.String `toml:"token"`
	// TLSCert and TLSKey are PEM files. Required when listening on an address that is not loopback or private.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
	// StopNotice is how long a process that was told to stop goes on taking requests while /readyz answers 503, so that load
	// balancers send it nothing any more when it closes. It waits only if /readyz was asked twice within the last two minutes. Make it
	// longer than the balancer's interval times the failures that it waits for. Default 5s; at most 1m.
	StopNotice unit.Duration `toml:"stop_notice"`
	// TakeoverDrain is how long HTTP requests under way may take when a new process takes over ("holdfast serve --takeover"). Visitors who
	// come meanwhile wait as long, if there is a request that takes so long; after that it is cut. Clients of the pooler wait for none of
	// it. Default 10s; at most 30s.
	TakeoverDrain unit.Duration `toml:"takeover_drain"`
}

// DefaultConfig returns an admin listener that only this machine can reach. Without a token nobody but the people with
// a login link gets in.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:7070", StopNotice: unit.Duration(5 * time.Second), TakeoverDrain: unit.Duration(10 * time.Second)}
}

// Validate reports every mistake in the table [admin]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	p := web.CheckListener(c.Listen, c.TLSCert, c.TLSKey, DefaultConfig().Listen)
	if n := len(c.Token.Reveal()); n > 0 && n < minToken {
		p.Add("token", "let holdfast init generate one", "%d characters can be guessed", n)
	}
	if n := c.StopNotice.D(); n < 0 || n > maxNotice {
		p.Add("stop_notice", "write a time from 0 to "+maxNotice.String(), "%s is none that a load balancer needs", c.StopNotice)
	}
	if n := c.TakeoverDrain.D(); n < 0 || n > maxDrain {
		p.Add("takeover_drain", "write a time from 0 to "+maxDrain.String(), "visitors would wait for %s", c.TakeoverDrain)
	}
	return p
}

// maxDrain bounds takeover_drain: those who come meanwhile wait, and the new process waits for the old one no longer.
const maxDrain = 30 * time.Second

// maxNotice bounds stop_notice: the end of a process has other times to wait for, and whoever started it is waiting, too.
const maxNotice = time.Minute

// minToken is the length in characters below which a token is refused: 20 characters of base32 are 100 bits.
const minToken = 20
