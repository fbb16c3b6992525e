package pgauth

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/scram"
	"holdfast/internal/secret"
)

// watchEvery is how often the file is looked at and passwords are checked for their end.
const watchEvery = time.Second

// watch looks for changes until the service ends.
func (a *Authenticator) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	refreshed := time.Now()
	a.probe(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		auth := a.state.Load().Auth
		if err := a.rereadUsers(auth); err != nil {
			a.options.Log.Error("users stay as they were", "error", err)
		}
		if time.Since(refreshed) < auth.QueryTTL.D() {
			continue
		}
		for _, c := range a.caches {
			c.expire()
			if err := c.refresh(ctx); err != nil && ctx.Err() == nil {
				a.options.Log.Warn("changed passwords cannot be noticed", "error", err)
			}
		}
		a.probe(ctx)
		refreshed = time.Now()
	}
}

// probe runs the query for a user who may not exist: that it does not work is to be known before somebody needs it. The
// outcome is a finding, and a line in the log when it begins.
func (a *Authenticator) probe(ctx context.Context) {
	if a.options.Querier == nil || a.options.Probe == "" {
		return
	}
	c := a.caches[len(a.caches)-1]
	if a.state.Load().Auth.Query == "" {
		c.outcome(nil)
		return
	}
	_, err := c.ask(ctx, a.options.Probe)
	if err != nil && !a.failing && ctx.Err() == nil {
		a.options.Log.Error("users cannot be looked up", "error", err, "hint", fault.HintOf(err))
	}
	a.failing = err != nil
}

// rereadUsers reads the file if it changed since it was read last, and not any more since it was looked at last: one that is just
// being written may be empty, or half there, and sessions would end for it. A file that cannot be read is told once for
// each of its versions.
func (a *Authenticator) rereadUsers(auth Auth) error {
	if auth.File == "" {
		return nil
	}
	s, err := stampOf(os.Stat(auth.File))
	a.reloading.Lock()
	same := err == nil && (s == a.read || s != a.seen)
	a.seen = s
	if err != nil {
		same = a.read == stamp{}
		a.read = stamp{}
	}
	a.reloading.Unlock()
	if same {
		return nil
	}
	if err != nil {
		err = fileFault(fmt.Errorf("read users: %w", err))
		a.options.Findings.Set(fileCondition, err.Error())
		return err
	}
	return a.readUsers(auth)
}

// readUsers takes the users of the configuration and of the file in place of those before.
func (a *Authenticator) readUsers(auth Auth) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	users, err := a.configured()
	if err != nil {
		return err
	}
	if auth.File != "" {
		lines, s, err := readUserlist(auth.File)
		a.read = s
		a.options.Findings.Report(fileCondition, err)
		if err != nil {
			return err
		}
		a.noteFile(auth.File, lines, s)
		users = append(users, lines...)
	}
	changes, err := a.users.replace(firstOfEach(users), time.Now())
	if err != nil {
		return err
	}
	slices.SortFunc(changes, func(x, y Change) int { return cmp.Compare(x.Generation, y.Generation) })
	for _, c := range changes {
		a.publish(c)
	}
	return nil
}

// configured returns the users of the configuration.
func (a *Authenticator) configured() ([]listed, error) {
	var users []listed
	for _, u := range a.options.Users {
		l := listed{name: u.Name, password: u.Password}
		if u.Verifier != "" {
			keys, err := scram.ParseVerifier(u.Verifier)
			if err != nil {
				return nil, fmt.Errorf("the verifier of %q: %w", u.Name, err)
			}
			l.keys, l.password = keys, secret.String{}
		}
		users = append(users, l)
	}
	return users, nil
}

// noteFile tells what is unwise about a file.
func (a *Authenticator) noteFile(path string, lines []listed, s stamp) {
	plain := 0
	for _, l := range lines {
		if !l.password.IsZero() {
			plain++
		}
	}
	a.options.Findings.Clear(plainCondition)
	if plain > 0 {
		a.options.Findings.Set(plainCondition, fmt.Sprintf("%s holds %d of %d passwords in clear", path, plain, len(lines)))
	}
	a.options.Findings.Clear(openCondition)
	if s.mode.Perm()&0o004 != 0 {
		a.options.Findings.Set(openCondition, fmt.Sprintf("%s has mode %#o", path, s.mode.Perm()))
	}
	a.options.Log.Info("users read", "file", path, "users", len(lines), "plain", plain)
}

// firstOfEach keeps the first of several users of one name.
func firstOfEach(users []listed) []listed {
	seen := map[string]bool{}
	return slices.DeleteFunc(users, func(u listed) bool {
		again := seen[u.name]
		seen[u.name] = true
		return again
	})
}
