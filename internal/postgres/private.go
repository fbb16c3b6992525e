package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/secret"
)

// PrivateServer is a PostgreSQL server that Holdfast creates, starts, watches and stops. It is a lifecycle.Service, ready when
// the server takes connections, and the application's role and database are there.
type PrivateServer struct {
	config  Config
	place   Place
	log     *slog.Logger
	serverL *serverLog
	report  func(error)
	base    lifecycle.Base

	lock    *atomicfile.Lock // the place is ours; set from open until the end of the service
	account account
	release release

	mu       sync.Mutex // protects the following
	process  *process   // nil while none runs
	stopping bool       // no process may be started any more
}

var _ lifecycle.Service = (*PrivateServer)(nil)

// NewPrivateServer returns a server for the place that is not started yet. report, which may be nil, hears why the server
// ended when nobody told it to, each failed attempt to start it again, and of the success with nil.
func NewPrivateServer(c Config, place Place, log *slog.Logger, report func(error)) *PrivateServer {
	if report == nil {
		report = func(error) {}
	}
	return &PrivateServer{config: c.complete().onPort(), place: place, log: log, serverL: &serverLog{log: log}, report: report}
}

// Start makes the server if it is not there and starts it. Only ctx bounds it: after a crash, recovery may take minutes.
func (s *PrivateServer) Start(ctx context.Context) error {
	return s.base.Start(ctx, func(ctx context.Context) error {
		if err := s.open(ctx); err != nil {
			return fmt.Errorf("private server: %w", s.noRoom(err))
		}
		s.base.Go(s.supervise)
		return nil
	})
}

// Stop shuts the server down, and at once when ctx ends before that is done.
func (s *PrivateServer) Stop(ctx context.Context) error {
	return s.base.Stop(ctx, func(ctx context.Context) error {
		s.mu.Lock()
		s.stopping = true
		p := s.process
		s.mu.Unlock()
		if p == nil {
			return nil
		}
		return p.end(ctx)
	})
}

// PID returns the process id of the postmaster, 0 when it does not run.
func (s *PrivateServer) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil || !s.process.running() {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Config returns the settings that lead to the application's database on the server. It is there after the first Start.
func (s *PrivateServer) Config() (Config, error) { return PrivateConfig(s.config, s.place) }

// PrivateConfig returns the settings that lead to the application's database on the private server of a place, whether it
// runs or not. NotFound when it was never started.
func PrivateConfig(c Config, place Place) (Config, error) {
	c = c.complete().onPort()
	c.Host, c.SSLMode = place.run(), "disable"
	if !c.Password.IsZero() {
		return c, nil
	}
	password, err := readSecret(place.roleFile())
	if err == nil && password.IsZero() {
		err = fault.New(fault.NotFound, "private_missing", "there is no private PostgreSQL server in %s yet", place.Dir).
			WithHint("it is made by the first start of holdfast serve")
	}
	c.Password = password
	return c, err
}

// PrivateSuperuser returns the settings that lead to the same database as the server's superuser, for what the application's role may not
// do. They are never handed out.
func PrivateSuperuser(c Config, place Place) (Config, error) {
	c, err := PrivateConfig(c, place)
	if err != nil {
		return c, err
	}
	c.Username = superuser
	if c.Password, err = readSecret(place.superuserFile()); err == nil && c.Password.IsZero() {
		err = fault.New(fault.NotFound, "private_password_lost", "the password of the private server's superuser, %s, is missing", place.superuserFile())
	}
	return c, err
}

// onPort takes the port of database.private.listen: PostgreSQL has one port, and the socket is named by it, too.
func (c Config) onPort() Config {
	if _, port, err := net.SplitHostPort(c.Private.Listen); err == nil {
		if n, err := strconv.Atoi(port); err == nil {
			c.Port = n
		}
	}
	return c
}

func (s *PrivateServer) open(ctx context.Context) (err error) {
	if s.account, err = findAccount(s.config.Private.RunAs); err != nil {
		return err
	}
	if err := s.place.prepare(s.account, s.config.Port); err != nil {
		return err
	}
	if s.lock, err = s.place.take(); err != nil {
		return err
	}
	if err := s.openLocked(ctx); err != nil {
		return errors.Join(err, s.abandon())
	}
	return nil
}

// abandon undoes an open that failed.
func (s *PrivateServer) abandon() error {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	var err error
	if p != nil {
		ctx, cancel := context.WithTimeout(context.Background(), quitTime)
		defer cancel()
		err = p.end(ctx)
	}
	return errors.Join(err, s.lock.Release())
}

func (s *PrivateServer) openLocked(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = false
	s.mu.Unlock()
	password, err := s.ensureData(ctx)
	if err != nil {
		return err
	}
	if err := s.writeSettings(); err != nil {
		return err
	}
	if err := s.launch(ctx); err != nil {
		return err
	}
	if err := s.ensureApplication(ctx, password); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "private PostgreSQL server runs", "version", s.release.major, "pid", s.PID(), "directory", s.place.Dir)
	return nil
}

// ensureData makes the data directory if there is none, and returns the superuser's password.
func (s *PrivateServer) ensureData(ctx context.Context) (secret.String, error) {
	data := s.place.data()
	var err error
	if s.release, err = chooseRelease(ctx, s.config.Private.Bin, data); err != nil {
		return secret.String{}, err
	}
	_, err = os.Stat(data)
	if errors.Is(err, os.ErrNotExist) {
		password, err := ensureSecret(s.place.superuserFile())
		if err != nil {
			return password, err
		}
		s.log.InfoContext(ctx, "making a private PostgreSQL server", "version", s.release.major, "directory", data, "account", s.account.String())
		return password, s.place.create(ctx, s.release, s.account, password)
	}
	if err != nil {
		return secret.String{}, fmt.Errorf("look at data directory: %w", err)
	}
	if err := s.account.owns(data); err != nil {
		return secret.String{}, err
	}
	password, err := readSecret(s.place.superuserFile())
	if err == nil && password.IsZero() {
		err = fault.New(fault.Config, "private_password_lost", "the password of the private server's superuser, %s, is missing", s.place.superuserFile()).
			WithHint("restore the file from a backup; or write a new password into it, and set it: echo \"ALTER ROLE postgres PASSWORD '…'\" | postgres --single -D %s postgres", data)
	}
	return password, err
}

// writeSettings writes the files that decide about the server at each start, outside of the data directory, where the
// server's account cannot change them.
func (s *PrivateServer) writeSettings() error {
	for path, text := range map[string]string{s.place.config(): s.settings(), s.place.hba(): accessRules} {
		if err := atomicfile.WriteFile(path, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write settings: %w", err)
		}
	}
	return nil
}
