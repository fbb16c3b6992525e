package relay

import (
	"errors"

	"holdfast/internal/pgwire"
)

// Mode says for how long a client keeps a server.
type Mode uint8

// The modes.
const (
	Session     Mode = iota // until it leaves
	Transaction             // until its transaction ends
)

var (
	// ErrNeedServer means that the next message can only be answered by a server, and the client has none.
	ErrNeedServer = errors.New("a server is needed")
	// ErrTerminated means that the client said good-bye.
	ErrTerminated = errors.New("client terminated")
)

// Client is the protocol state of one client. It is not safe for concurrent use.
type Client struct {
	mode     Mode
	registry *Registry
	table    *ParamTable
	server   *Server

	left    int  // bytes still to come of the message under way
	drop    bool // and they are dropped
	refused bool // there was no server for a message: all up to Sync is dropped
	lexing  bool // and they are the text of a statement
	lex     *lexer

	barrier bool // no message is taken until the server owes nothing
	guard   bool // an Execute may raise the barrier

	names   map[string]own // named statements
	unnamed unnamedStatements
	portal  portal
	portals portals

	params, want *Params // as the client was told, and as it wants them to be
	initial      *Params // as told at log-in
	settings     *Settings
	startup      *Settings    // as given at log-in; what DISCARD ALL leads back to
	pending      []Assignment // made by the transaction under way
	twist        uint64       // makes the settings unlike any others while nobody knows what they are
	twistEnds    bool         // when the server has reported them

	savepoint bool     // the transaction under way has savepoints
	failing   bool     // it has failed
	rolled    bool     // it, or a part of it, was rolled back, and nothing was done since
	pins      Words    // what keeps the client at its server
	fresh     Words    // pins that the transaction under way made
	lets      Words    // what lets go of pins when it is committed
	bindings  Words    // of all that it bound
	letting   bool     // a text was sent that may let go of pins, and the server was not asked about it yet
	resets    bool     // RESET ALL has undone what pinned it by a setting
	drops     string   // the name in the last DEALLOCATE that it bound
	discards  bool     // all was discarded
	since     []string // reported settings that were made since then
	reverted  bool     // in session mode something was reset, to the server's value
	unsettled bool     // the server's session is not what the client asked for

	local    []byte
	observer Observer
	texts    texts
	advice   func(*pgwire.Notice) string
	Counters Counters
	code     [5]byte // SQLSTATE of the last error
}

// Counters count what a client did. They only grow.
type Counters struct {
	Queries, Transactions uint64
	Parses, ServerParses  uint64 // asked by clients, and sent to servers
	Binds                 uint64
	Errors                uint64
	Writes                uint64 // commands other than those that only read, as far as tags tell
}

// ClientConfig is what a client is made of.
type ClientConfig struct {
	Mode     Mode
	Registry *Registry
	Params   *ParamTable
	Values   []pgwire.Param // reported parameters as told to the client at log-in
	Settings []Assignment   // settings that it asked for at log-in and the server does not report
	Observer Observer       // nil for none
	// Advice returns a hint for an error that PostgreSQL sends without one, "" for none. nil: there is never one.
	Advice func(*pgwire.Notice) string
}

// NewClient returns the state of a client that has logged in.
func NewClient(c ClientConfig) *Client {
	s, values := newSettings(c.Settings), c.Params.Intern(c.Values)
	return &Client{
		mode: c.Mode, registry: c.Registry, table: c.Params, observer: c.Observer, advice: c.Advice,
		params: values, want: values, initial: values, settings: s, startup: s,
	}
}

// MaxWhole is the most in bytes that has to be kept of a message until it is taken.
const MaxWhole = maxWhole

// Server returns the server that the client has, nil for none.
func (c *Client) Server() *Server { return c.server }

// Pins returns what keeps the client at its server, 0 for nothing.
func (c *Client) Pins() Words {
	if c.unnamed.now.keeps {
		return c.pins | Prepare
	}
	return c.pins
}

// Params returns the reported parameters as the client knows them.
func (c *Client) Params() *Params { return c.params }

// Local takes what is to be sent to the client besides what Backward gives. It is valid until the next call of another method.
func (c *Client) Local() []byte {
	b := c.local
	c.local = c.local[:0]
	return b
}

// Held reports whether the next message may have to wait for answers.
func (c *Client) Held() bool {
	s := c.server
	return c.left == 0 && s != nil && !s.copyIn && !s.queue.empty() && (c.barrier || s.changes > 0 || s.touches > 0 || s.trial.on && s.trial.sure || s.asked != nil || s.queue.size >= maxOwed)
}

// Free reports whether the server can be given back: it is settled, and nothing keeps the client there.
func (c *Client) Free() bool {
	return c.mode == Transaction && c.Pins() == 0 && c.left == 0 && c.server != nil && c.server.Settled()
}

// Close forgets what the client had. It has no server any more.
func (c *Client) Close() { c.forgetNames() }
