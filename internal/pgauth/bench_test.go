package pgauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/pgauth"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

// bench is an Authenticator and what belongs to it.
type bench struct {
	*pgauth.Authenticator
	findings *health.Registry
}

// settings returns the settings of one rule for everybody.
func settings(r pgauth.Rule) pgauth.Config {
	c := pgauth.DefaultConfig()
	c.Rules = []pgauth.Rule{r}
	return c
}

// start returns an Authenticator that runs until the test is over.
func start(t testing.TB, c pgauth.Config, change ...func(*pgauth.Options)) *bench {
	t.Helper()
	o := pgauth.Options{
		Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
		Findings: health.New(),
		Users:    []pgauth.User{{Name: "app", Password: secret.New("app-secret")}},
	}
	for _, f := range change {
		f(&o)
	}
	a, err := pgauth.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	return &bench{a, o.Findings}
}

// remote is an attempt inside TLS from another machine.
func remote(user string) pgauth.Attempt {
	return pgauth.Attempt{Database: "app", User: user, Address: netip.MustParseAddr("192.0.2.7"), TLS: true}
}

// attempt logs in with a password as the method of the decision asks for it.
func (b *bench) attempt(t testing.TB, at pgauth.Attempt, password string) (*pgauth.Decision, error) {
	t.Helper()
	d, err := b.Decide(t.Context(), at)
	if err != nil {
		return nil, denied(t, err)
	}
	switch d.Method.Exchange() {
	case pgauth.SASL:
		err = d.Finish(exchange(t, d.Keys, password))
	case pgauth.Password:
		err = d.Password(t.Context(), password)
	default:
		err = d.Finish(nil)
	}
	if err != nil {
		return d, denied(t, err)
	}
	t.Cleanup(d.Close)
	return d, nil
}

// login fails the test unless the log-in succeeds.
func (b *bench) login(t testing.TB, at pgauth.Attempt, password string) *pgauth.Decision {
	t.Helper()
	d, err := b.attempt(t, at, password)
	if err != nil {
		t.Fatalf("log in as %q: %v", at.User, err)
	}
	return d
}

// refused fails the test unless the log-in fails for the reason. It returns what the client sees.
func (b *bench) refused(t testing.TB, at pgauth.Attempt, password, code string) string {
	t.Helper()
	_, err := b.attempt(t, at, password)
	if fault.CodeOf(err) != code {
		t.Errorf("log in as %q with %q: %v (%s); want %s", at.User, password, err, fault.CodeOf(err), code)
	}
	var d *pgauth.Denied
	if !errors.As(err, &d) {
		return ""
	}
	return d.SQLSTATE + " " + strings.ReplaceAll(d.Message, at.User, "USER")
}

// denied fails the test if an error is no *Denied.
func denied(t testing.TB, err error) error {
	t.Helper()
	var d *pgauth.Denied
	if !errors.As(err, &d) || len(d.SQLSTATE) != 5 || d.Message == "" || d.Reason == nil {
		t.Errorf("the error %#v is no whole *Denied", err)
	}
	return err
}

// exchange runs SCRAM between a client that knows a password and a server that has keys.
func exchange(t testing.TB, keys scram.Keys, password string) error {
	t.Helper()
	s := scram.NewServer(keys, scram.Binding{})
	c := scram.NewClient(scram.Credential{Password: secret.New(password)}, scram.Binding{})
	mechanism, err := c.Mechanism(s.Mechanisms())
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.First(mechanism, c.First())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := c.Final(first)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Final(proof)
	return err
}

// shown returns the codes of the findings.
func (b *bench) shown() string {
	var codes []string
	for _, f := range b.findings.Snapshot() {
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, " ")
}
