package pgauth

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"holdfast/internal/fault"
)

// roster is who is logged in by the directory, and as whom.
type roster struct {
	mu      sync.Mutex // protects the following
	present map[presence]int
}

// presence is a user of the directory as the directory had it at log-in.
type presence struct {
	user string // as the client named it
	member
}

func (r *roster) join(p presence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.present == nil {
		r.present = map[presence]int{}
	}
	r.present[p]++
}

func (r *roster) leave(p presence) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.present[p]--; r.present[p] <= 0 {
		delete(r.present, p)
	}
}

func (r *roster) all() []presence {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.present))
}

// lookAgain asks the directory from time to time whether those who are logged in are still who they were. It ends with ctx.
func (a *Authenticator) lookAgain(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	looked := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := a.state.Load()
		every := s.Auth.LDAP.Recheck.D()
		if s.directory == nil || every <= 0 || time.Since(looked) < every {
			continue
		}
		if err := a.recheck(ctx, s.directory); err != nil && ctx.Err() == nil {
			a.options.Log.Warn("people of the directory are not looked up again", "error", err)
		}
		looked = time.Now()
	}
}

// recheck looks everybody up who is logged in, and ends the sessions of those whom the directory has no more, or otherwise than at their
// log-in. When the directory cannot tell, everybody stays.
func (a *Authenticator) recheck(ctx context.Context, d *directory) error {
	now := map[string]Change{}
	for _, p := range a.roster.all() {
		if _, told := now[p.user]; told {
			continue
		}
		m, err := d.look(ctx, p.user)
		a.noteDirectory(err)
		reason := GroupsChanged
		switch {
		case isUnavailable(err):
			return err
		case err != nil:
			reason = reasonToLeave(err)
		case m == p.member:
			continue
		}
		now[p.user] = Change{p.user, a.generation(), reason}
		a.publish(now[p.user])
	}
	return nil
}

// reasonToLeave says in the words of a Change why the directory lets somebody in no more.
func reasonToLeave(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Code == codeNoGroup {
		return LoginRevoked
	}
	return UserRemoved
}
