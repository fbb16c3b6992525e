package postgres

import (
	"net"
	"net/url"
	"strconv"
)

// AppURL returns the connection string that the application finds in DATABASE_URL. It holds the password: it is only for
// handing out. The configuration must be complete (see [PrivateConfig]).
//
// A socket directory is written as the parameter host, "postgresql://app:…@/app?host=%2Fvar%2Flib…", which libpq and most other
// drivers read; some know only TCP, and for them a private server is given database.private.listen, which is preferred then.
func (c Config) AppURL() string {
	c = c.complete()
	u := url.URL{Scheme: "postgresql", Path: "/" + c.Name}
	if !c.Password.IsZero() {
		u.User = url.UserPassword(c.Username, c.Password.Reveal())
	} else if c.Username != "" {
		u.User = url.User(c.Username)
	}
	q := url.Values{}
	host, port, err := net.SplitHostPort(c.Private.Listen)
	switch {
	case c.Mode == PrivateCluster && err == nil:
		u.Host = net.JoinHostPort(host, port)
	case isSocket(c.Host):
		q.Set("host", c.Host)
		if c.Port != DefaultConfig().Port {
			q.Set("port", strconv.Itoa(c.Port))
		}
	default:
		u.Host = net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
		q.Set("sslmode", c.SSLMode)
		// Not sslnegotiation: servers take both, and drivers before libpq 17 refuse a word that they do not know.
		for name, value := range map[string]string{
			"sslrootcert": c.SSLRootCert, "sslcert": c.SSLCert, "sslkey": c.SSLKey, "channel_binding": c.ChannelBinding,
		} {
			if value != "" {
				q.Set(name, value)
			}
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
