package pgwire

import "bytes"

// The bounds of a cancel key, in bytes: a key of protocol 3.0 has 4.
const (
	MinKey = 4
	MaxKey = 256
)

// ParseParameterStatus reads the body of a ParameterStatus.
func ParseParameterStatus(body []byte) (name, value []byte, err error) {
	c := cursor{b: body}
	name, value = c.string(), c.string()
	if !c.done() {
		return nil, nil, malformed("ParameterStatus")
	}
	return name, value, nil
}

// ParseBackendKeyData reads the body of a BackendKeyData.
func ParseBackendKeyData(body []byte) (pid uint32, key []byte, err error) {
	c := cursor{b: body}
	pid, key = c.uint32(), c.b
	if c.bad || len(key) < MinKey || len(key) > MaxKey {
		return 0, nil, malformed("BackendKeyData")
	}
	return pid, key, nil
}

// ParseReady reads the body of a ReadyForQuery: Idle, InTransaction or InFailed.
func ParseReady(body []byte) (status byte, err error) {
	if len(body) == 1 {
		switch body[0] {
		case Idle, InTransaction, InFailed:
			return body[0], nil
		}
	}
	return 0, malformed("ReadyForQuery")
}

// ParseCommandTag returns the tag in the body of a CommandComplete. It takes any body: what has no end is taken whole.
func ParseCommandTag(body []byte) (tag []byte) {
	tag, _, _ = bytes.Cut(body, []byte{0})
	return tag
}

// ParseNegotiate reads the body of a NegotiateProtocolVersion: the newest minor version of protocol 3 that the server
// speaks, and the options that it does not know.
func ParseNegotiate(body []byte) (minor uint32, unknown []string, err error) {
	c := cursor{b: body}
	version := Version(c.uint32())
	if major := version.Major(); major != 0 && major != 3 { // a bare minor, as the manual has it, is taken too
		return 0, nil, malformed("NegotiateProtocolVersion")
	}
	for range c.uint32() {
		if unknown = append(unknown, string(c.string())); c.bad {
			break
		}
	}
	if !c.done() {
		return 0, nil, malformed("NegotiateProtocolVersion")
	}
	return uint32(version.Minor()), unknown, nil
}

// ParseNotification reads the body of a NotificationResponse.
func ParseNotification(body []byte) (pid uint32, channel, payload []byte, err error) {
	c := cursor{b: body}
	pid, channel, payload = c.uint32(), c.string(), c.string()
	if !c.done() {
		return 0, nil, nil, malformed("NotificationResponse")
	}
	return pid, channel, payload, nil
}

// ParseParameterDescription reads the body of a ParameterDescription.
func ParseParameterDescription(body []byte) ([]uint32, error) {
	c := cursor{b: body}
	raw := cursor{b: c.take(4 * int(c.uint16()))}
	if !c.done() {
		return nil, malformed("ParameterDescription")
	}
	oids := make([]uint32, len(raw.b)/4)
	for i := range oids {
		oids[i] = raw.uint32()
	}
	return oids, nil
}
