package relay

import (
	"errors"
	"strings"

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

// maxOwed bounds the answers that one server owes: a client that sends more without reading waits.
const maxOwed = 1 << 14

// Client is the protocol state of one client. It is not safe for concurrent use.
type Client struct {
	mode     Mode
	registry *Registry
	table    *ParamTable
	server   *Server

	left    int  // bytes still to come of the message under way
	drop    bool // and they are dropped
	refused bool // there was no server for a message: all up to Sync is dropped
	lexing  bool // and they are the text of a Query
	lex     *lexer

	barrier bool // after the next Sync no message is taken until the server owes nothing

	names   map[string]*Statement
	unnamed unnamed
	bound   Note

	params                *Params
	initial               *Params // as told at log-in
	settings              *Settings
	startup               *Settings    // as given at log-in; what DISCARD ALL leads back to
	pending               []Assignment // made by the transaction under way
	savepoint, rolledBack bool
	reverted              bool // a RESET or DISCARD leads back to values of the log-in
	unsettled             bool // and the server does not know them
	pins, lets            Words
	answer                []byte // the error that replaces a server's, see poison

	local    []byte
	observer Observer
	Counters Counters
}

// unnamed is the unnamed statement of a client.
type unnamed struct {
	parse  []byte // the body of its Parse without the name
	serial uint64 // unlike that of any other; 0 when there is none
	words  Words
	to     Assignment
}

// Counters count what a client did. They only grow.
type Counters struct {
	Queries, Transactions uint64
	Parses, ServerParses  uint64 // asked by clients, and sent to servers
	Binds                 uint64
	Errors                uint64
}

// Observer hears of statements. Its methods are called while bytes are relayed and must be quick.
type Observer interface {
	// Begin is told the text of a statement that is about to run, as far as it is there; the note comes back with End. For a
	// prepared statement it is called at each Bind.
	Begin(text []byte) Note
	// End is told how the statement ended: its command tag, or the SQLSTATE of its error.
	End(n Note, tag, sqlstate []byte)
}

// ClientConfig is what a client is made of.
type ClientConfig struct {
	Mode     Mode
	Registry *Registry
	Params   *ParamTable
	Values   []pgwire.Param // reported parameters as told to the client at log-in
	Settings []Assignment   // settings that it asked for at log-in and the server does not report
	Observer Observer       // nil for none
}

// NewClient returns the state of a client that has logged in.
func NewClient(c ClientConfig) *Client {
	s, values := newSettings(c.Settings), c.Params.Intern(c.Values)
	return &Client{
		mode: c.Mode, registry: c.Registry, table: c.Params, observer: c.Observer,
		params: values, initial: values, settings: s, startup: s,
	}
}

// Server returns the server that the client has, nil for none.
func (c *Client) Server() *Server { return c.server }

// Pins returns what keeps the client at its server, 0 for nothing.
func (c *Client) Pins() Words { return c.pins }

// Params returns the reported parameters as the client knows them.
func (c *Client) Params() *Params { return c.params }

// Local takes what is to be sent to the client besides what Backward gives. It is valid until the next call of Forward.
func (c *Client) Local() []byte {
	b := c.local
	c.local = c.local[:0]
	return b
}

// Settle returns the statements that make a server's session the client's, "" when it is that already. They are run by
// [Server.Ask] before Attach.
func (c *Client) Settle(s *Server) string {
	if c.params == s.params && c.settings.equal(s.settings) {
		return ""
	}
	var sql []string
	had := s.settings.all()
	for i := len(had) - 1; i >= 0; i-- {
		if !has(c.settings, had[i]) {
			sql = append(sql, had[i].Undo)
		}
	}
	for _, a := range c.settings.all() {
		if !has(s.settings, a) {
			sql = append(sql, a.Set)
		}
	}
	for _, p := range c.params.All() {
		if now, ok := s.params.Get(p.Name); ok && now != p.Value && Follows(p.Name) {
			sql = append(sql, setConfig(p.Name, p.Value))
		}
	}
	return strings.Join(sql, ";")
}

// Settled notes that what Settle returned was run on the server, successfully or not.
func (c *Client) settled(s *Server) { s.settings = c.settings }

func has(s *Settings, a Assignment) bool {
	for _, b := range s.all() {
		if b == a {
			return true
		}
	}
	return false
}

// Unsettled reports, once, that the client's own statement made its server's session differ from what it asked for at log-in:
// Settle has to be run again before its next message.
func (c *Client) Unsettled() bool {
	was := c.unsettled
	c.unsettled = false
	return was && c.server != nil
}

// Resettled notes that what Settle returned was run on the client's own server.
func (c *Client) Resettled() {
	c.settled(c.server)
	c.params = c.server.params
}

// Attach gives the client a server, which was settled for it. What the server reports and the client does not know is
// put into Local.
func (c *Client) Attach(s *Server) {
	c.settled(s)
	if c.params != s.params {
		for _, p := range s.params.All() {
			if known, ok := c.params.Get(p.Name); !ok || known != p.Value {
				c.local = pgwire.AppendParameterStatus(c.local, p.Name, p.Value)
			}
		}
		c.params = s.params
	}
	c.server = s
	s.used = true
	if c.mode == Session {
		s.dirty = true
	}
}

// Detach takes the server from the client. It is for the caller to know that the server is settled, or to close it.
func (c *Client) Detach() *Server {
	s := c.server
	if s != nil && c.pins != 0 {
		s.dirty = true
	}
	c.server = nil
	return s
}

// Free reports whether the server can be given back: it is settled, and nothing keeps the client there.
func (c *Client) Free() bool {
	return c.mode == Transaction && c.pins == 0 && c.left == 0 && c.server != nil && c.server.Settled()
}

// Close forgets what the client had. It has no server any more.
func (c *Client) Close() {
	for _, s := range c.names {
		c.registry.release(s)
	}
	c.names = nil
}
