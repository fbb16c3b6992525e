package pgwire

import (
	"encoding/binary"
	"errors"
	"testing"
)

// Trap 16, and CVE-2026-6664: no length wraps around into a small one.
func TestHeaderBoundsTheLength(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		length uint32
		size   int // 0: refused
	}{
		{0, 0},
		{1, 0},
		{3, 0},
		{4, 5},
		{5, 6},
		{1 << 16, 1<<16 + 1},
		{1 << 30, 1<<30 + 1},
		{1<<30 + 1, 0},
		{1<<31 - 1, 0},
		{1 << 31, 0},
		{1<<32 - 1, 0},
	} {
		b := binary.BigEndian.AppendUint32([]byte{'Q'}, c.length)
		typ, size, err := Header(b)
		if typ != 'Q' || size != c.size {
			t.Errorf("length %d: got %c, %d, %v", c.length, typ, size, err)
		}
		var e *ProtocolError
		if (c.size == 0) != errors.As(err, &e) || e != nil && e.SQLState() != "08P01" {
			t.Errorf("length %d: %v", c.length, err)
		}
	}
}

func TestTypesHaveTheNamesOfTheManual(t *testing.T) {
	t.Parallel()
	for letter, want := range map[byte]string{
		'Q': "Query", 'P': "Parse", 'B': "Bind", 'D': "Describe", 'E': "Execute", 'C': "Close", 'S': "Sync", 'H': "Flush",
		'X': "Terminate", 'F': "FunctionCall", 'd': "CopyData", 'c': "CopyDone", 'f': "CopyFail", 'p': "PasswordMessage",
		'Z': "message 'Z'", 0: "message 0x00", 0x80: "message 0x80", '\n': "message 0x0a",
	} {
		if got := FrontendType(letter).String(); got != want {
			t.Errorf("client's %q: got %q, want %q", letter, got, want)
		}
	}
	for letter, want := range map[byte]string{
		'Z': "ReadyForQuery", 'E': "ErrorResponse", 'N': "NoticeResponse", 'S': "ParameterStatus", 'K': "BackendKeyData",
		'C': "CommandComplete", 'I': "EmptyQueryResponse", 'T': "RowDescription", 'D': "DataRow", '1': "ParseComplete",
		'2': "BindComplete", '3': "CloseComplete", 'n': "NoData", 't': "ParameterDescription", 's': "PortalSuspended",
		'G': "CopyInResponse", 'H': "CopyOutResponse", 'W': "CopyBothResponse", 'A': "NotificationResponse",
		'V': "FunctionCallResponse", 'R': "Authentication", 'v': "NegotiateProtocolVersion", 'd': "CopyData", 'c': "CopyDone",
		'Q': "message 'Q'", 'x': "message 'x'", 0xff: "message 0xff",
	} {
		if got := BackendType(letter).String(); got != want {
			t.Errorf("server's %q: got %q, want %q", letter, got, want)
		}
	}
}
