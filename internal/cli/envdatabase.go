package cli

import (
	"cmp"
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/config"
	"holdfast/internal/control"
	"holdfast/internal/daemon"
	"holdfast/internal/fault"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/rolelimit"
	"holdfast/internal/secret"
)

// databaseURLs lead to the application's database.
type databaseURLs struct {
	app      string // through the pooler, where that lets the application in
	readOnly string
	direct   string // to PostgreSQL itself
	note     string // why app leads past the pooler though there is one; "" otherwise
}

// readOnly is libpq's parameter options, which is passed to the server; drivers that do not know it refuse the URL rather
// than write.
const readOnly = "options=-c%20default_transaction_read_only%3Don"

func findDatabase(ctx context.Context, client *control.Client, cfg *config.Config) (databaseURLs, error) {
	db := cfg.Database.Config
	if db.Mode == postgres.PrivateCluster {
		var err error
		if db, err = postgres.PrivateConfig(db, daemon.Place(cfg)); err != nil {
			return databaseURLs{}, err
		}
	}
	var u databaseURLs
	doors, direct := cfg.Database.Pooling.Doors(), cfg.Database.Pooling.Direct()
	limits := cfg.Database.Pooling.RoleLimits(db)
	if len(direct) > 0 {
		db, u.note = asRole(db, direct[0])
	}
	u.app, u.direct = db.AppURL(), unlimited(db, limits)
	u.readOnly = withParameter(u.app, readOnly)
	if len(doors) == 0 || len(direct) > 0 {
		return u, readsBy(ctx, client, db, doors, &u)
	}
	if auth := cfg.Database.Pooling.Auth; db.Password.IsZero() && auth.File == "" && auth.Query == "" {
		u.note = "DATABASE_URL leads past the pooler, which knows no password of the role " + strconv.Quote(db.Username) +
			": set database.password_file, or database.auth.query"
		return u, nil
	}
	app, reads, err := poolerURLs(ctx, client, db, doors)
	if err != nil {
		return u, err
	}
	u.app = cmp.Or(app, u.direct)
	u.readOnly = withParameter(cmp.Or(reads, u.app), readOnly)
	return u, nil
}

// asRole returns the settings of the role that connects directly. Of another role than our own we know no password, and hand out ours to
// nobody.
func asRole(db postgres.Config, e pooler.Endpoint) (as postgres.Config, note string) {
	if e.Username == "" || e.Username == db.Username {
		return db, ""
	}
	db.Username, db.Password = e.Username, secret.String{}
	return db, "DATABASE_URL has no password: that of the role " + strconv.Quote(e.Username) +
		" is not known here; put it into the URL, PGPASSWORD or ~/.pgpass"
}

// unlimited leads past the pooler, and past the limit of time that the role has: that is for the application, and a migration may take
// longer.
func unlimited(db postgres.Config, limits []rolelimit.Limit) string {
	for _, l := range limits {
		if l.Role == db.Username && slices.ContainsFunc(l.Settings, func(s rolelimit.Setting) bool { return s.Name == "statement_timeout" }) {
			return withParameter(db.AppURL(), "options=-c%20statement_timeout%3D0")
		}
	}
	return db.AppURL()
}

// readsBy lets reads go through an endpoint on replicas, if there is one beside the direct way.
func readsBy(ctx context.Context, client *control.Client, db postgres.Config, doors []pooler.Endpoint, u *databaseURLs) error {
	for i, e := range doors {
		if e.Target == pooler.TargetReplica {
			reads, err := doorURL(ctx, client, db, doors, i)
			u.readOnly = withParameter(reads, readOnly)
			return err
		}
	}
	return nil
}

// poolerURLs returns what leads to the first endpoint for sessions on the primary, else to another one on the primary; and
// to the first one on replicas. "" for none.
func poolerURLs(ctx context.Context, client *control.Client, db postgres.Config, doors []pooler.Endpoint) (app, reads string, err error) {
	if best := appDoor(doors); best >= 0 {
		if app, err = doorURL(ctx, client, db, doors, best); err != nil {
			return "", "", err
		}
	}
	for i, e := range doors {
		if e.Target == pooler.TargetReplica && reads == "" {
			if reads, err = doorURL(ctx, client, db, doors, i); err != nil {
				return "", "", err
			}
		}
	}
	return app, reads, nil
}

// appDoor returns the endpoint for the application: the first one for sessions on the primary, else another one on the
// primary, else -1.
func appDoor(doors []pooler.Endpoint) int {
	best := -1
	for i, e := range doors {
		if e.Target == pooler.TargetPrimary && (best < 0 || e.Mode == pooler.ModeSession && doors[best].Mode != pooler.ModeSession) {
			best = i
		}
	}
	return best
}

// doorURL leads to an endpoint. One whose port is chosen at the start is asked for.
func doorURL(ctx context.Context, client *control.Client, db postgres.Config, doors []pooler.Endpoint, i int) (string, error) {
	listen := doors[i].Listen
	if _, port, err := net.SplitHostPort(listen); err == nil && port == "0" {
		status, err := control.Call[pooler.Status](ctx, client, routePoolShow, control.Empty{})
		if err != nil {
			return "", err
		}
		if i >= len(status.Endpoints) {
			return "", fault.New(fault.Conflict, "env_endpoint", "the running Holdfast has %d endpoints, the configuration %d", len(status.Endpoints), len(doors)).
				WithHint("start it again, so that it takes the configuration")
		}
		listen = status.Endpoints[i].Address
	}
	host, port, ok := reach(listen)
	if !ok {
		return "", fault.New(fault.Config, "env_socket", "the socket %s has no name that drivers understand", listen).
			WithHint("name it as PostgreSQL does: .s.PGSQL.6432, in a directory of its own")
	}
	db.Mode, db.Host, db.Port = postgres.Attached, host, port
	db.SSLMode, db.SSLRootCert, db.SSLCert, db.SSLKey, db.ChannelBinding = sslMode(doors[i]), "", "", "", ""
	return db.AppURL(), nil
}

// sslMode is how clients of this machine meet an endpoint: they know no authority that signed its certificate.
func sslMode(e pooler.Endpoint) string {
	switch {
	case e.TLSCert == "" || e.TLS == "disable":
		return "disable"
	case e.TLS == "require":
		return "require"
	}
	return "prefer"
}

// reach returns host and port by which a driver on this machine reaches a listener; the host is a directory for a socket.
func reach(listen string) (host string, port int, ok bool) {
	var text string
	if strings.HasPrefix(listen, "/") {
		host, text = filepath.Split(listen)
		host = filepath.Clean(host)
		if text, ok = strings.CutPrefix(text, ".s.PGSQL."); !ok {
			return "", 0, false
		}
	} else {
		var err error
		if host, text, err = net.SplitHostPort(listen); err != nil {
			return "", 0, false
		}
		host = loopback(host)
	}
	port, err := strconv.Atoi(text)
	return host, port, err == nil
}

// loopback returns the address of this machine for a listener on all of its addresses.
func loopback(host string) string {
	switch host {
	case "", "0.0.0.0":
		return "127.0.0.1"
	case "::":
		return "::1"
	}
	return host
}

func withParameter(url, parameter string) string {
	mark := "?"
	if strings.Contains(url, "?") {
		mark = "&"
	}
	return url + mark + parameter
}
