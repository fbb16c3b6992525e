package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

// Application is what [CreateApplication] makes on somebody else's server: a role that owns a database.
type Application struct {
	Name     string // of the database
	Username string
	Password secret.String
	// Known says that the password was made earlier and is perhaps the role's. Else an existing role is refused.
	Known bool
	// Reset gives an existing role the password.
	Reset bool
}

// Created says what [CreateApplication] did, and what it found there already.
type Created struct {
	Config   Config // leads to the database as the application; it was tried
	Role     Deed
	Database Deed
	Open     bool // the database was there, and every role may connect to it
}

// Deed is what became of a role or database.
type Deed string

// The deeds.
const (
	Made  Deed = "made"
	Kept  Deed = "kept"
	Reset Deed = "password reset"
)

// CreateApplication makes role and database with an administrator's connection, which need not be a superuser's:
// CREATEROLE and CREATEDB are enough. What exists and is the application's own already is kept, so that it can be called
// again; what belongs to somebody else is refused before anything is changed. keep is called once between the last refusal
// and the first change: it makes the password durable.
func CreateApplication(ctx context.Context, admin Config, a Application, keep func() error) (Created, error) {
	if admin.Name == "" {
		admin.Name = "postgres"
	}
	admin = admin.complete()
	if p := admin.as(a).Validate(); len(p) > 0 {
		return Created{}, p.Err()
	}
	conn, err := dial(ctx, admin, nil)
	if err != nil {
		return Created{}, err
	}
	defer hangUp(conn)
	w := &creation{conn: conn, app: a, config: admin.as(a)}
	if err := w.look(ctx); err != nil {
		return Created{}, err
	}
	if err := keep(); err != nil {
		return Created{}, err
	}
	return w.create(ctx)
}

// as returns the settings of the application on the administrator's server.
func (c Config) as(a Application) Config {
	c.Name, c.Username, c.Password = a.Name, a.Username, a.Password
	return c
}

// creation is one run of CreateApplication.
type creation struct {
	conn   *pgx.Conn
	app    Application
	config Config
	role   roleFacts
	base   databaseFacts
}

// look refuses what must not be touched, and changes nothing.
func (w *creation) look(ctx context.Context) (err error) {
	if w.role, err = askRole(ctx, w.conn, w.app.Username); err != nil {
		return fmt.Errorf("look at role %q: %w", w.app.Username, Explain(err))
	}
	if err := w.checkRole(ctx); err != nil {
		return err
	}
	if w.base, err = askDatabase(ctx, w.conn, w.app.Name, w.app.Username); err != nil {
		return fmt.Errorf("look at database %q: %w", w.app.Name, Explain(err))
	}
	return w.checkDatabase()
}

func (w *creation) create(ctx context.Context) (Created, error) {
	done := Created{Role: Kept, Database: Kept, Open: w.base.open}
	if !w.role.there || w.app.Reset {
		if err := w.ensureRole(ctx); err != nil {
			return done, fmt.Errorf("make role %q: %w", w.app.Username, explainAdmin(err))
		}
		done.Role = Made
		if w.role.there {
			done.Role = Reset
		}
	}
	if !w.base.there {
		if err := w.createDatabase(ctx); err != nil {
			return done, fmt.Errorf("make database %q: %w", w.app.Name, explainAdmin(err))
		}
		done.Database = Made
	}
	var err error
	done.Config, err = reach(ctx, w.config)
	return done, err
}

// ensureRole makes the role or sets its password. A statement may stand in the log of a server that is not ours, so the
// password is sent as what the server would store of it.
func (w *creation) ensureRole(ctx context.Context) error {
	verifier, err := scramVerifier(w.app.Password)
	if err != nil {
		return err
	}
	return ensureRole(ctx, w.conn, w.app.Username, verifier)
}

// createDatabase makes the database in UTF-8, whatever the server's own encoding is. An administrator who is no superuser
// may give a database only to a role that he is a member of: he becomes one for as long as it takes.
func (w *creation) createDatabase(ctx context.Context) (err error) {
	if !w.role.reachable {
		role := pgx.Identifier{w.app.Username}.Sanitize()
		if _, err := w.conn.Exec(ctx, "GRANT "+role+" TO CURRENT_USER"); err != nil {
			return err
		}
		defer func() {
			if _, leave := w.conn.Exec(ctx, "REVOKE "+role+" FROM CURRENT_USER"); err == nil {
				err = leave
			}
		}()
	}
	return ensureDatabase(ctx, w.conn, w.app.Name, w.app.Username)
}

// reach logs in as the application. A socket often lets in only roles that are called like the account of the system
// (method peer): then TCP on the same machine is tried.
func reach(ctx context.Context, c Config) (Config, error) {
	err := logIn(ctx, c)
	notAllowed := sqlstates["28000"].code
	if err == nil || !isSocket(c.Host) || fault.CodeOf(err) != notAllowed {
		return c, err
	}
	tcp := c
	tcp.Host, tcp.SSLMode = "127.0.0.1", "prefer"
	over := logIn(ctx, tcp)
	if fault.CodeOf(over) == notAllowed || fault.KindOf(over) == fault.Unavailable {
		return c, err // neither way is open: the socket is the one that was asked for
	}
	return tcp, over
}

func logIn(ctx context.Context, c Config) error {
	conn, err := dial(ctx, c, nil)
	if err == nil {
		hangUp(conn)
	}
	return err
}

// explainAdmin is Explain where the missing right is one of the administrator's.
func explainAdmin(err error) error {
	err = Explain(err)
	if fault.CodeOf(err) == sqlstates["42501"].code {
		return fault.New(fault.Denied, "database_privilege", "%w", err).
			WithHint("the administrator's role needs CREATEROLE and CREATEDB, or to be a superuser")
	}
	return err
}
