package pgauth_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/pgauth"
)

func TestTheUserFileIsReadAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "users")
		write(t, path, "; people\n\"alice\" \""+verifier(t, "old")+"\"\n\"bob\" \"plain \"\"text\"\"\"\n")
		c := settings(pgauth.Rule{})
		c.Auth.File = path
		b := start(t, c)
		var told changes
		b.Subscribe(told.add)
		b.login(t, remote("alice"), "old")
		bob := b.login(t, remote("bob"), `plain "text"`)
		if b.shown() != "auth_file_plain" {
			t.Errorf("findings %q; want a note of the plain password", b.shown())
		}
		write(t, path, "\"alice\" \""+verifier(t, "brand-new")+"\"\n\"bob\" \"plain \"\"text\"\"\"\n\"carol\" \"x\"\n")
		time.Sleep(2 * time.Second) // fake time
		if got := told.take(); len(got) != 1 || got[0].User != "alice" || got[0].Reason != pgauth.PasswordChanged {
			t.Errorf("told %v; want the change of alice alone", got)
		}
		b.login(t, remote("carol"), "x")
		if again := b.login(t, remote("bob"), `plain "text"`); again.Generation != bob.Generation {
			t.Error("a plain password that did not change counts as changed")
		}
		write(t, path, "\"alice\" \"broken\nnonsense\n")
		time.Sleep(2 * time.Second)
		if got := b.shown(); !strings.Contains(got, "auth_file ") && !strings.HasSuffix(got, "auth_file") {
			t.Errorf("findings %q; want auth_file", got)
		}
		b.login(t, remote("alice"), "brand-new") // as it was before
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		b.login(t, remote("alice"), "brand-new")
		write(t, path, "\"carol\" \""+verifier(t, "x")+"\"\n")
		time.Sleep(2 * time.Second)
		b.refused(t, remote("alice"), "brand-new", "auth_unknown_user")
		if b.shown() != "" {
			t.Errorf("findings %q when all is well; want none", b.shown())
		}
	})
}

func TestAUserFileThatIsWrongFailsTheStart(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "users")
	c := settings(pgauth.Rule{})
	c.Auth.File = path
	a, err := pgauth.New(c, pgauth.Options{Log: slog.New(slog.DiscardHandler), Findings: health.New()})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); fault.CodeOf(err) != "auth_file" {
		t.Errorf("without the file: %v; want auth_file", err)
	}
}
