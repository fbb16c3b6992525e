package audit

import (
	"net/netip"
	"time"
)

// Event says what a record is about.
type Event uint8

// The events that callers record. The writer itself adds two of its own, "recovered" and "lost".
const (
	Statement   Event = iota // a statement was run
	Login                    // somebody logged in
	Denied                   // a log-in was refused
	Logout                   // a session ended
	NodeInvited              // a token was made with which a machine may join the site
	NodeJoined               // a machine fetched the configuration with it
	NodeRevoked              // a token was revoked

	events = int(NodeRevoked) + 1
)

// eventNames are the events as they stand in records, in their order.
var eventNames = [events]string{"statement", "login", "denied", "logout", "node_invited", "node_joined", "node_revoked"}

// String returns the name of the event as it stands in records.
func (e Event) String() string {
	if int(e) < events {
		return eventNames[e]
	}
	return "unknown"
}

// Record is one line of the stream. Texts longer than 1 KiB are cut, but for Text, which has a limit of its own.
type Record struct {
	Time        time.Time      // when it began; zero: now
	Event       Event          // what happened
	Person      string         // who logged in
	Proven      bool           // whether the log-in proved it, or the client merely said so
	Database    string         // as the client named it
	User        string         // as the client named it
	Class       string         // the class that the rules gave the person
	Method      string         // how the person logged in, or tried to: for Login and Denied
	Statement   Class          // what sort of statement
	Fingerprint uint64         // see [Fingerprint]; 0: none
	Rows        int64          // rows returned or changed; negative: not known
	Duration    time.Duration  // from the client's message to the answer's end
	SQLSTATE    string         // of the error that it ended with
	Reason      string         // why a log-in was denied, for the log only
	BackendPID  uint32         // of the server session; 0: none
	Client      netip.AddrPort // the client's address; not valid: a Unix socket
	RequestID   string         // the web request that this belongs to, as far as the client said so
	Text        []byte         // recorded only if the settings say so
}
