package node

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// sealInfo is what the key of sealed secrets is derived for.
const sealInfo = "holdfast join 1"

// Kind says what happened.
type Kind string

// What is worth a line in the audit stream.
const (
	Invited     Kind = "node_invited"
	JoinedEvent Kind = "node_joined"
	Revoked     Kind = "node_revoked"
)

// Event is something that happened to an invite.
type Event struct {
	Kind    Kind
	Invite  string
	Host    string // who did it: a node, or what the new machine calls itself
	Address string // from where
	Text    string
}

// State is how this node is now.
type State struct {
	Edge, Admin   string // where it listens
	State, Reason string
}

// Options are what a Node is made of.
type Options struct {
	DB        *postgres.DB
	MasterKey secret.String
	Version   string
	// Bundle gathers the files of the configuration as they are now. An error says why machines cannot join this site.
	Bundle func() (Bundle, error)
	// Addresses are where this node can be asked, and whether only from this machine.
	Addresses func() (all []string, local bool)
	State     func() State
	Record    func(Event) // into the audit stream; may be nil
	Log       *slog.Logger
}

// Node is this node as a lifecycle.Service: it makes tokens, answers machines that have one, and stands on the list.
type Node struct {
	opts    Options
	db      *postgres.DB
	log     *slog.Logger
	sealer  *secret.Sealer
	live    *live
	beats   *lifecycle.Loop
	busy    chan struct{} // a place for each request that is being judged
	id      string
	host    string
	started time.Time
}

var _ lifecycle.Service = (*Node)(nil)

// New returns a node that is on no list yet.
func New(o Options) (*Node, error) {
	if o.MasterKey.IsZero() {
		return nil, fault.New(fault.Config, "master_key_missing", "files.master_key is not set").
			WithHint("holdfast init generates it; it must be the same on all machines")
	}
	sealer, err := secret.NewSealer(o.MasterKey, sealInfo)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	n := &Node{
		opts: o, db: o.DB, log: o.Log, sealer: sealer, host: printable(host), started: time.Now(), busy: make(chan struct{}, atOnce),
		id: secret.Generate(16).Reveal()[:12],
	}
	n.live = newLive(n.listLive, func(err error) { o.Log.Warn("cannot tell which invites are live: none is, for now", "error", err) })
	troubles := lifecycle.NewTroubles(o.Log, "nodes")
	n.beats = lifecycle.NewLoop(beatEvery, func(ctx context.Context) error {
		if err := n.beat(ctx); ctx.Err() == nil {
			troubles.Report("tell the other nodes", err)
		}
		return nil
	}, func(error) {})
	return n, nil
}

// Start puts this node on the list. The tables must be there: see [Migrations].
func (n *Node) Start(ctx context.Context) error { return n.beats.Start(ctx) }

// Stop takes it off the list.
func (n *Node) Stop(ctx context.Context) error {
	err := n.beats.Stop(ctx)
	n.leave(ctx)
	return err
}

// Changed tells the others at once.
func (n *Node) Changed() { n.beats.Wake() }

// APIRoutes are the routes of the control socket. Who may call them hands out all secrets of the site.
func (n *Node) APIRoutes() map[string]http.Handler {
	return map[string]http.Handler{
		"POST /v1/node/invite": control.Handle(n.Invite),
		"POST /v1/node/revoke": control.Handle(n.Revoke),
		"POST /v1/node/invites": control.Handle(func(ctx context.Context, _ control.Empty) (InvitesAnswer, error) {
			return n.Invites(ctx)
		}),
		"POST /v1/node/list": control.Handle(func(ctx context.Context, _ control.Empty) (ListAnswer, error) { return n.List(ctx) }),
	}
}

// told logs what happened and hands it to the audit stream.
func (n *Node) told(ctx context.Context, e Event) {
	n.log.InfoContext(ctx, string(e.Kind), "invite", e.Invite, "host", e.Host, "address", e.Address, "text", e.Text)
	if n.opts.Record != nil {
		n.opts.Record(e)
	}
}

// q puts the schema into a statement.
func (n *Node) q(sql string) string { return strings.ReplaceAll(sql, "{s}", n.db.Schema()) }
