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

// looks is the time in which a file is looked at and read.
const looks = 3 * time.Second

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
		time.Sleep(looks) // fake time
		synctest.Wait()   // what is found is not to change under who looks for it
		if got := told.take(); len(got) != 1 || got[0].User != "alice" || got[0].Reason != pgauth.PasswordChanged {
			t.Errorf("told %v; want the change of alice alone", got)
		}
		b.login(t, remote("carol"), "x")
		if again := b.login(t, remote("bob"), `plain "text"`); again.Generation != bob.Generation {
			t.Error("a plain password that did not change counts as changed")
		}
		write(t, path, "\"alice\" \"broken\nnonsense\n")
		time.Sleep(looks) // fake time
		synctest.Wait()   // what is found is not to change under who looks for it
		if got := b.shown(); !strings.Contains(got, "auth_file ") && !strings.HasSuffix(got, "auth_file") {
			t.Errorf("findings %q; want auth_file", got)
		}
		b.login(t, remote("alice"), "brand-new") // as it was before
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(looks) // fake time
		synctest.Wait()   // what is found is not to change under who looks for it
		b.login(t, remote("alice"), "brand-new")
		write(t, path, "\"carol\" \""+verifier(t, "x")+"\"\n")
		time.Sleep(looks) // fake time
		synctest.Wait()   // what is found is not to change under who looks for it
		b.refused(t, remote("alice"), "brand-new", "auth_unknown_user")
		if b.shown() != "" {
			t.Errorf("findings %q when all is well; want none", b.shown())
		}
	})
}

// An editor or a script that writes the file in place has it empty for a moment, and then half there. Nobody loses a session for that.
func TestAUserFileThatIsBeingWrittenIsLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "users")
		line := func(user, password string) string { return "\"" + user + "\" \"" + verifier(t, password) + "\"\n" }
		alice, bob, carol := line("alice", "a"), line("bob", "b"), line("carol", "c") // with salts of their own
		write(t, path, alice+bob)
		c := settings(pgauth.Rule{})
		c.Auth.File = path
		b := start(t, c)
		var told changes
		b.Subscribe(told.add)
		time.Sleep(time.Second / 2) // between two looks; fake time
		for _, text := range []string{"", carol, carol + alice} {
			write(t, path, text)
			time.Sleep(time.Second)
			synctest.Wait()
			if got := told.take(); len(got) != 0 {
				t.Errorf("while %d bytes are there: told %v", len(text), got)
			}
			b.login(t, remote("bob"), "b")
		}
		write(t, path, carol+alice+line("bob", "b2"))
		time.Sleep(looks) // fake time
		synctest.Wait()   // what is found is not to change under who looks for it
		if got := told.take(); len(got) != 1 || got[0].User != "bob" || got[0].Reason != pgauth.PasswordChanged {
			t.Errorf("told %v; want the change of bob alone", got)
		}
		b.login(t, remote("carol"), "c")
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
