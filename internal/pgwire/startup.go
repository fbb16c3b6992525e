package pgwire

import (
	"fmt"
	"strings"
)

// Version is a protocol version: the major in the upper 16 bits, the minor in the lower.
type Version uint32

// The versions that PostgreSQL speaks. 3.1 was skipped.
const (
	Version30 Version = 3 << 16
	Version32 Version = 3<<16 | 2
)

// Major returns the major version.
func (v Version) Major() uint16 { return uint16(v >> 16) }

// Minor returns the minor version.
func (v Version) Minor() uint16 { return uint16(v) }

// String returns "3.2".
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major(), v.Minor()) }

// The numbers that stand where a start-up packet has its version.
const (
	codeCancel Version = 1234<<16 | 5678
	codeSSL    Version = 1234<<16 | 5679
	codeGSSENC Version = 1234<<16 | 5680
)

// optionPrefix marks protocol options among a start-up packet's parameters.
const optionPrefix = "_pq_."

// StartupKind is what a connection's first packet is.
type StartupKind uint8

// The kinds of first packets.
const (
	StartupMessage StartupKind = iota + 1
	SSLRequest
	GSSENCRequest
	CancelRequest
)

// A Param is a parameter of a start-up packet, or a setting.
type Param struct{ Name, Value string }

// A Startup is a packet that stands at the beginning of a connection.
type Startup struct {
	Kind StartupKind

	// Of a StartupMessage. All are copies.
	Version Version
	Params  []Param  // in the client's order, protocol options left out; of parameters that come twice, the last counts
	Options []Param  // protocol options, whose names begin with _pq_.
	Unknown []string // their names, for AppendNegotiate: none is known here

	// Of a CancelRequest.
	PID uint32
	Key []byte // a part of the body, MinKey to MaxKey bytes
}

// Param returns the value of a parameter, and whether it is there. Case matters, as it does in PostgreSQL.
func (s *Startup) Param(name string) (string, bool) {
	for i := len(s.Params) - 1; i >= 0; i-- {
		if s.Params[i].Name == name {
			return s.Params[i].Value, true
		}
	}
	return "", false
}

// ParseStartup reads a first packet without its length word. A major version other than 3 is an error whose SQLSTATE
// is 0A000.
func ParseStartup(body []byte) (Startup, error) {
	c := cursor{b: body}
	switch version := Version(c.uint32()); {
	case c.bad || len(body) > MaxStartup:
		return Startup{}, violation("invalid length of startup packet")
	case version == codeSSL:
		return request(SSLRequest, &c)
	case version == codeGSSENC:
		return request(GSSENCRequest, &c)
	case version == codeCancel:
		return cancelRequest(&c)
	case version.Major() != 3:
		return Startup{}, &ProtocolError{Code: "0A000", Reason: fmt.Sprintf(
			"unsupported frontend protocol %s: server supports %s to %s", version, Version30, Version32)}
	default:
		return startupMessage(version, &c)
	}
}

func request(kind StartupKind, c *cursor) (Startup, error) {
	if !c.done() {
		return Startup{}, violation("invalid length of startup packet")
	}
	return Startup{Kind: kind}, nil
}

func cancelRequest(c *cursor) (Startup, error) {
	s := Startup{Kind: CancelRequest, PID: c.uint32(), Key: c.b}
	if c.bad || len(s.Key) < MinKey || len(s.Key) > MaxKey {
		return Startup{}, violation("invalid length of cancel request packet")
	}
	return s, nil
}

func startupMessage(version Version, c *cursor) (Startup, error) {
	s := Startup{Kind: StartupMessage, Version: version}
	for name := c.string(); len(name) > 0; name = c.string() {
		p := Param{Name: string(name), Value: string(c.string())}
		if strings.HasPrefix(p.Name, optionPrefix) {
			s.Options = append(s.Options, p)
			s.Unknown = append(s.Unknown, p.Name)
		} else {
			s.Params = append(s.Params, p)
		}
	}
	if !c.done() {
		return Startup{}, violation("invalid startup packet layout: expected terminator as last byte")
	}
	return s, nil
}

// AppendStartup appends a StartupMessage. A parameter without a name, which would end the packet, is left out.
func AppendStartup(dst []byte, version Version, params []Param) []byte {
	start := len(dst)
	dst = append32(append32(dst, 0), uint32(version))
	for _, p := range params {
		if p.Name != "" && p.Name[0] != 0 {
			dst = cstring(cstring(dst, p.Name), p.Value)
		}
	}
	return sealStartup(append(dst, 0), start)
}

// AppendCancel appends a CancelRequest.
func AppendCancel(dst []byte, pid uint32, key []byte) []byte {
	start := len(dst)
	dst = append32(append32(append32(dst, 0), uint32(codeCancel)), pid)
	return sealStartup(append(dst, key...), start)
}

// AppendSSLRequest appends an SSLRequest. The answer is one byte: S or N.
func AppendSSLRequest(dst []byte) []byte { return append32(append32(dst, 8), uint32(codeSSL)) }

// AppendGSSENCRequest appends a GSSENCRequest. The answer is one byte: G or N.
func AppendGSSENCRequest(dst []byte) []byte { return append32(append32(dst, 8), uint32(codeGSSENC)) }
