package pgauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// link is a connection to a directory.
type link struct {
	*ldap.Conn
	raw   net.Conn // below TLS, for deadlines
	url   string
	as    string // the name that it is bound by; "": nobody's
	fresh bool   // nothing was bound yet
	used  time.Time
}

// dial connects to a server, inside TLS as far as the settings say so.
func (d *directory) dial(ctx context.Context, text string) (*link, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, connectFault(text, err)
	}
	network, name, address := "unix", "", u.Path
	if u.Scheme != "ldapi" {
		network = "tcp"
		name, address = hostOf(u)
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, connectFault(text, err)
	}
	l := &link{raw: raw, url: text, fresh: true}
	if u.Scheme == "ldaps" {
		err = d.wrap(ctx, l, name)
	} else {
		l.Conn = ldap.NewConn(raw, false)
		l.Start()
		if u.Scheme == "ldap" && d.config.StartTLS {
			err = d.startTLS(ctx, l, name)
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// wrap begins TLS at once.
func (d *directory) wrap(ctx context.Context, l *link, name string) error {
	config, err := d.tlsConfig(name)
	if err != nil {
		return certificateFault(l.url, err)
	}
	inside := tls.Client(l.raw, config)
	if err := inside.HandshakeContext(ctx); err != nil {
		return tlsFault(l.url, err)
	}
	l.Conn = ldap.NewConn(inside, true)
	l.Start()
	return nil
}

// startTLS begins TLS by the extended operation of RFC 4511 section 4.14.
func (d *directory) startTLS(ctx context.Context, l *link, name string) error {
	config, err := d.tlsConfig(name)
	if err != nil {
		return certificateFault(l.url, err)
	}
	release := l.bound(ctx)
	defer release()
	if err := l.StartTLS(config); err != nil {
		return tlsFault(l.url, err)
	}
	return nil
}

// tlsConfig reads the authorities anew for every connection, so that a changed file counts at once.
func (d *directory) tlsConfig(name string) (*tls.Config, error) {
	c := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	if d.config.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(d.config.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read database.auth.ldap.ca_file: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("database.auth.ldap.ca_file %s holds no certificate", d.config.CAFile)
	}
	return c, nil
}

// bound makes everything on the connection fail when ctx ends, until the returned function is called. That reports
// whether the connection may be used any further.
func (l *link) bound(ctx context.Context) (release func() bool) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = l.raw.SetDeadline(deadline) // fails only if the connection is closed
	}
	stop := context.AfterFunc(ctx, func() { _ = l.raw.SetDeadline(time.Unix(1, 0)) })
	return func() bool {
		return stop() && l.raw.SetDeadline(time.Time{}) == nil
	}
}

// close says good-bye, briefly, and closes.
func (l *link) close() {
	_ = l.raw.SetDeadline(time.Now().Add(time.Second)) // fails only if the connection is closed
	if l.Conn == nil {
		_ = l.raw.Close() // nothing was written that could be lost
		return
	}
	l.SetTimeout(time.Second)
	_ = l.Close() // likewise
}

// bind proves who we are, unless that is known. No name is nobody's.
func (l *link) bind(name, password string) error {
	if l.as == name && !l.fresh {
		return nil
	}
	var err error
	if name == "" {
		err = l.UnauthenticatedBind("")
	} else {
		err = l.Bind(name, password)
	}
	if err == nil {
		l.as, l.fresh = name, false
	}
	return err
}
