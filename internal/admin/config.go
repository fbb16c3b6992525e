package admin

import (
	"holdfast/internal/fault"
	"holdfast/internal/secret"
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
}

// DefaultConfig returns an admin listener that only this machine can reach. Without a token nobody but the people with
// a login link gets in.
func DefaultConfig() Config { return Config{Listen: "127.0.0.1:7070"} }

// Validate reports every mistake in the table [admin]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	p := web.CheckListener(c.Listen, c.TLSCert, c.TLSKey, DefaultConfig().Listen)
	if n := len(c.Token.Reveal()); n > 0 && n < minToken {
		p.Add("token", "let holdfast init generate one", "%d characters can be guessed", n)
	}
	return p
}

// minToken is the length in characters below which a token is refused: 20 characters of base32 are 100 bits.
const minToken = 20
