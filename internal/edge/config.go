package edge

// Config is the table [edge]: the HTTP front for visitors.
type Config struct {
	// Listen is the address of the edge. Default "127.0.0.1:8000".
	Listen string `toml:"listen"`
	// Hosts are the names that visitors use. Empty: any name is answered.
	Hosts []string `toml:"hosts"`
	// TLSCert and TLSKey are PEM files. Required when listening on an address that is not loopback or private.
	TLSCert string `toml:"tls_cert"`
	TLSKey  string `toml:"tls_key"`
}
