package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// databaseURL is the variable in which most platforms hand a database to an application.
const databaseURL = "DATABASE_URL"

// applyDatabaseURL fills the table [database] from DATABASE_URL when nothing else says which server it is. Keys that
// are set in the table stay.
func (d *decoder) applyDatabaseURL(db *postgres.Config, environ []string) {
	text := lookup(environ, databaseURL)
	if text == "" || db.Host != "" || db.Mode == "private" {
		return
	}
	from, err := ParseDatabaseURL(text)
	if err != nil {
		d.problem(databaseURL, Origin{}, err.Error(), "write postgresql://user:password@host:5432/name, or set host in [database]")
		return
	}
	fill := func(key string, set func()) {
		if _, ok := d.origins["database."+key]; !ok {
			set()
			d.origins["database."+key] = Origin{Env: databaseURL}
		}
	}
	fill("host", func() { db.Host = from.Host })
	if from.Port != 0 {
		fill("port", func() { db.Port = from.Port })
	}
	if from.Name != "" {
		fill("name", func() { db.Name = from.Name })
	}
	if from.Username != "" {
		fill("username", func() { db.Username = from.Username })
	}
	if _, byFile := d.origins["database.password"+fileSuffix]; !byFile && !from.Password.IsZero() {
		fill("password", func() { db.Password = from.Password })
	}
	for key, s := range map[string]struct {
		into *string
		text string
	}{
		"sslmode": {&db.SSLMode, from.SSLMode}, "sslrootcert": {&db.SSLRootCert, from.SSLRootCert},
		"sslcert": {&db.SSLCert, from.SSLCert}, "sslkey": {&db.SSLKey, from.SSLKey},
		"sslnegotiation": {&db.SSLNegotiation, from.SSLNegotiation}, "channel_binding": {&db.ChannelBinding, from.ChannelBinding},
	} {
		if s.text != "" {
			fill(key, func() { *s.into = s.text })
		}
	}
}

// ParseDatabaseURL reads a database URL as applications have it: the scheme may carry a driver's name
// (postgresql+psycopg2), the host may be a directory with a socket. Parameters that only concern the application are
// skipped. An error never shows the URL, which may hold a password.
func ParseDatabaseURL(text string) (postgres.Config, error) {
	var c postgres.Config
	u, err := url.Parse(text)
	if err != nil {
		return c, errors.New("not a URL; special characters in the password are written as %XX")
	}
	scheme, _, _ := strings.Cut(u.Scheme, "+")
	if !slices.Contains([]string{"postgres", "postgresql", "pgsql", "postgis", "psql"}, scheme) {
		return c, fmt.Errorf("the scheme %q is not PostgreSQL", u.Scheme)
	}
	q := u.Query()
	c.Host = u.Hostname()
	if h := q.Get("host"); h != "" {
		c.Host = h
	}
	if c.Host == "" {
		c.Host = "localhost"
	}
	if strings.Contains(c.Host, ",") || strings.Contains(u.Host, ",") {
		return c, errors.New("names several hosts; name the primary, or a proxy in front of them")
	}
	port := u.Port()
	if p := q.Get("port"); p != "" {
		port = p
	}
	if port != "" {
		if c.Port, err = strconv.Atoi(port); err != nil || c.Port < 1 || c.Port > 65535 {
			return c, fmt.Errorf("the port %q is not 1 to 65535", shorten(port))
		}
	}
	c.Name = strings.TrimPrefix(u.Path, "/")
	if u.User != nil {
		c.Username = u.User.Username()
		password, _ := u.User.Password()
		c.Password = secret.New(password)
	}
	c.SSLMode, c.SSLRootCert, c.SSLCert, c.SSLKey = q.Get("sslmode"), q.Get("sslrootcert"), q.Get("sslcert"), q.Get("sslkey")
	c.SSLNegotiation, c.ChannelBinding = q.Get("sslnegotiation"), q.Get("channel_binding")
	return c, nil
}
