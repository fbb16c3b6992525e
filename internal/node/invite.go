package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

const (
	// defaultTTL, maxTTL and maxUses bound invites.
	defaultTTL = time.Hour
	maxTTL     = 30 * 24 * time.Hour
	maxUses    = 1000
	// retry is how long a used-up invite still answers who used it, should the answer have been lost.
	retry = 2 * time.Minute
	// maxAnswers is how often one exchange is answered.
	maxAnswers = 5
	// keepInvites is how long invites that are over are listed.
	keepInvites = 30 * 24 * time.Hour
)

// InviteRequest asks for a token.
type InviteRequest struct {
	TTL       unit.Duration `json:"ttl,omitempty"`       // default 1h
	Uses      int           `json:"uses,omitempty"`      // default 1
	Addresses []string      `json:"addresses,omitempty"` // default: where this node listens
}

// InviteAnswer is a new invite with its token, which is told this once.
type InviteAnswer struct {
	ID        string    `json:"id"`
	Token     string    `json:"token"`
	Addresses []string  `json:"addresses"`
	Uses      int       `json:"uses"`
	Expires   time.Time `json:"expires"`
	Notes     []Note    `json:"notes"` // what to look at on the new machine
	Variables []string  `json:"variables"`
	LocalOnly bool      `json:"local_only"` // the token leads to this machine alone
}

// Invite is what is known of an invite.
type Invite struct {
	ID       string     `json:"id"`
	State    string     `json:"state"` // live, used, expired, revoked
	Uses     int        `json:"uses"`
	UsesLeft int        `json:"uses_left"`
	Creator  string     `json:"creator"`
	Created  time.Time  `json:"created"`
	Expires  time.Time  `json:"expires"`
	Revoked  *time.Time `json:"revoked,omitempty"`
	Joined   []Joined   `json:"joined"`
}

// Joined is a machine that used an invite.
type Joined struct {
	Host    string    `json:"host"`
	Address string    `json:"address"`
	At      time.Time `json:"at"`
}

// InvitesAnswer lists invites, the newest first.
type InvitesAnswer struct {
	Invites []Invite `json:"invites"`
}

// RevokeRequest names an invite.
type RevokeRequest struct {
	ID string `json:"id"`
}

// Invite makes an invite.
func (n *Node) Invite(ctx context.Context, q InviteRequest) (InviteAnswer, error) {
	ttl, uses := q.TTL.D(), q.Uses
	if ttl == 0 {
		ttl = defaultTTL
	}
	if uses == 0 {
		uses = 1
	}
	if ttl < time.Second || ttl > maxTTL || uses < 1 || uses > maxUses {
		return InviteAnswer{}, fault.New(fault.Usage, "invite_bounds", "an invite lasts from a second to %s and is for 1 to %d machines", unit.Duration(maxTTL), maxUses)
	}
	bundle, err := n.opts.Bundle()
	if err != nil {
		return InviteAnswer{}, err
	}
	if _, err := bundle.encode(); err != nil {
		return InviteAnswer{}, err
	}
	addresses, local := q.Addresses, false
	if len(addresses) == 0 {
		addresses, local = n.opts.Addresses()
	}
	if err := CheckAddresses(addresses); err != nil {
		return InviteAnswer{}, err
	}
	t := newToken(addresses)
	a := InviteAnswer{
		ID: t.ID, Token: t.Text(), Addresses: addresses, Uses: uses, LocalOnly: local,
		Notes: append([]Note{}, bundle.Notes...), Variables: append([]string{}, bundle.Variables...),
	}
	err = n.db.QueryRow(ctx, n.q(`
WITH old AS (DELETE FROM {s}.node_invites WHERE expires < now() - make_interval(secs => $6))
INSERT INTO {s}.node_invites (id, secret, uses, uses_left, creator, expires)
VALUES ($1, $2, $3, $3, $4, now() + make_interval(secs => $5)) RETURNING expires`),
		t.ID, n.sealer.Seal(t.ID, t.Secret), uses, n.host, ttl.Seconds(), keepInvites.Seconds()).Scan(&a.Expires)
	if err != nil {
		return InviteAnswer{}, fmt.Errorf("make invite: %w", err)
	}
	n.live.forget()
	n.told(ctx, Event{Kind: Invited, Invite: t.ID, Host: n.host, Text: fmt.Sprintf("%d use(s), until %s", uses, a.Expires.UTC().Format(time.RFC3339))})
	return a, nil
}

// Invites lists the invites of the last weeks.
func (n *Node) Invites(ctx context.Context) (InvitesAnswer, error) {
	a := InvitesAnswer{Invites: []Invite{}}
	rows, err := n.db.Query(ctx, n.q(`
SELECT id, CASE WHEN revoked IS NOT NULL THEN 'revoked' WHEN uses_left = 0 THEN 'used' WHEN expires <= now() THEN 'expired' ELSE 'live' END,
	uses, uses_left, creator, created, expires, revoked,
	array(SELECT host FROM {s}.node_joins WHERE invite = id ORDER BY joined, key),
	array(SELECT address FROM {s}.node_joins WHERE invite = id ORDER BY joined, key),
	array(SELECT joined FROM {s}.node_joins WHERE invite = id ORDER BY joined, key)
FROM {s}.node_invites ORDER BY created DESC LIMIT 1000`))
	if err != nil {
		return a, fmt.Errorf("list invites: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var i Invite
		var hosts, addresses []string
		var times []time.Time
		if err := rows.Scan(&i.ID, &i.State, &i.Uses, &i.UsesLeft, &i.Creator, &i.Created, &i.Expires, &i.Revoked, &hosts, &addresses, &times); err != nil {
			return a, fmt.Errorf("list invites: %w", err)
		}
		i.Joined = make([]Joined, len(hosts))
		for k := range hosts {
			i.Joined[k] = Joined{hosts[k], addresses[k], times[k]}
		}
		a.Invites = append(a.Invites, i)
	}
	return a, rows.Err()
}

// Revoke ends an invite. It is in force on this node at once and on others within a second.
func (n *Node) Revoke(ctx context.Context, q RevokeRequest) (Invite, error) {
	i := Invite{ID: q.ID, State: "revoked", Joined: []Joined{}}
	err := n.db.QueryRow(ctx, n.q(`
UPDATE {s}.node_invites SET revoked = coalesce(revoked, now()) WHERE id = $1
RETURNING uses, uses_left, creator, created, expires, revoked`), q.ID).
		Scan(&i.Uses, &i.UsesLeft, &i.Creator, &i.Created, &i.Expires, &i.Revoked)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return i, fault.New(fault.NotFound, "no_invite", "there is no invite %q", q.ID).WithHint("list them with: holdfast node invites")
	case err != nil:
		return i, fmt.Errorf("revoke invite %s: %w", q.ID, err)
	}
	n.live.forget()
	n.told(ctx, Event{Kind: Revoked, Invite: q.ID, Host: n.host})
	return i, nil
}

// errRefused is every reason for which a machine may not join.
var errRefused = errors.New("refused")

// claim counts a use. The same exchange again counts nothing: its answer was lost, or somebody replays it. counted says which.
func (n *Node) claim(ctx context.Context, r request, address string) (counted bool, err error) {
	err = n.db.InTx(ctx, func(tx pgx.Tx) error {
		var answers int
		err := tx.QueryRow(ctx, n.q(`
INSERT INTO {s}.node_joins AS j (invite, key, host, address) SELECT id, $2, $3, $4 FROM {s}.node_invites WHERE id = $1
ON CONFLICT (invite, key) DO UPDATE SET answers = j.answers + 1 WHERE j.answers < $5 RETURNING answers`),
			r.ID, r.Public, r.Host, address, maxAnswers).Scan(&answers)
		if err != nil {
			return refusedWithoutRow(err)
		}
		counted = answers == 1
		query := `SELECT id FROM {s}.node_invites WHERE id = $1 AND expires > now() AND revoked IS NULL`
		if counted {
			query = `UPDATE {s}.node_invites SET uses_left = uses_left - 1
WHERE id = $1 AND uses_left > 0 AND expires > now() AND revoked IS NULL RETURNING id`
		}
		var id string
		return refusedWithoutRow(tx.QueryRow(ctx, n.q(query), r.ID).Scan(&id))
	})
	return counted, err
}

func refusedWithoutRow(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errRefused
	}
	return err
}
