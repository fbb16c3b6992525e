package admin

import "holdfast/internal/secret"

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
