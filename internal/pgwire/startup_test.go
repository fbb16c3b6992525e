package pgwire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// packet returns a start-up packet's body.
func packet(version Version, rest string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(version)), rest...)
}

// Traps 12, 13 and 14: everything that can stand first on a connection.
func TestEveryFirstPacketIsRead(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", MaxKey)
	for name, c := range map[string]struct {
		body []byte
		want Startup
	}{
		"ssl":             {packet(codeSSL, ""), Startup{Kind: SSLRequest}},
		"gss":             {packet(codeGSSENC, ""), Startup{Kind: GSSENCRequest}},
		"cancel of 3.0":   {packet(codeCancel, "\x00\x00\x00\x07key!"), Startup{Kind: CancelRequest, PID: 7, Key: []byte("key!")}},
		"cancel of 3.2":   {packet(codeCancel, "\xff\xff\xff\xff"+key), Startup{Kind: CancelRequest, PID: 1<<32 - 1, Key: []byte(key)}},
		"nothing":         {packet(Version30, "\x00"), Startup{Kind: StartupMessage, Version: Version30}},
		"empty values":    {packet(Version30, "user\x00\x00\x00"), Startup{Kind: StartupMessage, Version: Version30, Params: []Param{{"user", ""}}}},
		"the last counts": {packet(Version30, "a\x001\x00a\x002\x00\x00"), Startup{Kind: StartupMessage, Version: Version30, Params: []Param{{"a", "1"}, {"a", "2"}}}},
		"a minor to come": {packet(3<<16|9999, "user\x00u\x00\x00"), Startup{Kind: StartupMessage, Version: 3<<16 | 9999, Params: []Param{{"user", "u"}}}},
		"protocol options": {packet(Version32, "user\x00u\x00_pq_.x\x00on\x00_pq_.\x00\x00\x00"), Startup{
			Kind: StartupMessage, Version: Version32, Params: []Param{{"user", "u"}},
			Options: []Param{{"_pq_.x", "on"}, {"_pq_.", ""}}, Unknown: []string{"_pq_.x", "_pq_."},
		}},
	} {
		got, err := ParseStartup(c.body)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestFirstPacketsThatPostgreSQLRefusesAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body []byte
		code string
	}{
		"no version":               {[]byte{0, 3, 0}, "08P01"},
		"no terminator":            {packet(Version30, ""), "08P01"},
		"name without value":       {packet(Version30, "user\x00"), "08P01"},
		"value without end":        {packet(Version30, "user\x00postgres"), "08P01"},
		"no terminator at the end": {packet(Version30, "user\x00postgres\x00"), "08P01"},
		"bytes behind the end":     {packet(Version30, "user\x00postgres\x00\x00\x00"), "08P01"},
		"too long":                 {packet(Version30, "user\x00"+strings.Repeat("u", MaxStartup-10)+"\x00\x00"), "08P01"},
		"protocol 2":               {packet(2<<16, "user\x00u\x00\x00"), "0A000"},
		"protocol 4":               {packet(4<<16, "user\x00u\x00\x00"), "0A000"},
		"ssl with more":            {packet(codeSSL, "\x00"), "08P01"},
		"gss with more":            {packet(codeGSSENC, "x"), "08P01"},
		"cancel without key":       {packet(codeCancel, "\x00\x00\x00\x07"), "08P01"},
		"cancel with a short key":  {packet(codeCancel, "\x00\x00\x00\x07key"), "08P01"},
		"cancel with a long key":   {packet(codeCancel, "\x00\x00\x00\x07"+strings.Repeat("k", MaxKey+1)), "08P01"},
		"an HTTP request":          {[]byte("GET / HTTP/1.1\r\n\r\n"), "0A000"},
	} {
		got, err := ParseStartup(c.body)
		var e *ProtocolError
		if !errors.As(err, &e) || e.SQLState() != c.code || !reflect.DeepEqual(got, Startup{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestAParameterWithoutANameDoesNotEndThePacket(t *testing.T) {
	t.Parallel()
	built := AppendStartup(nil, Version30, []Param{{"", "x"}, {"\x00y", "z"}, {"user", "u"}})
	s, err := ParseStartup(built[4:])
	if want := []Param{{"user", "u"}}; err != nil || !reflect.DeepEqual(s.Params, want) {
		t.Errorf("got %v, %v", s.Params, err)
	}
	a, err := ParseAuthentication(AppendAuthSASL(nil, "", "\x00A", "B")[HeaderSize:])
	if want := []string{"B"}; err != nil || !reflect.DeepEqual(a.Mechanisms, want) {
		t.Errorf("got %v, %v", a.Mechanisms, err)
	}
}

func TestParamsOfAStartupAreFoundByCase(t *testing.T) {
	t.Parallel()
	s := Startup{Params: []Param{{"a", "1"}, {"a", "2"}, {"e", ""}}}
	for name, want := range map[string]string{"a": "2", "e": ""} {
		if got, ok := s.Param(name); !ok || got != want {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	if got, ok := s.Param("A"); ok || got != "" {
		t.Errorf("A: %q, %v", got, ok)
	}
}

// What AppendStartup and AppendCancel build is read as the same, by us and by pgproto3; a parameter cannot bring another.
func FuzzStartupBuilders(f *testing.F) {
	f.Add("user", "u", "options", "-c a=b", uint32(1), []byte("key!"))
	f.Add("user", "u\x00database\x00other", "", "\x00", uint32(0), []byte("0123456789abcdef0123456789abcdef"))
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, pid uint32, key []byte) {
		var want []Param
		theirs := map[string]string{}
		for _, p := range [...]Param{{n1, v1}, {n2, v2}} {
			name, _, _ := strings.Cut(p.Name, "\x00")
			value, _, _ := strings.Cut(p.Value, "\x00")
			if name != "" {
				want = append(want, Param{name, value})
				theirs[name] = value
			}
		}
		built := AppendStartup(nil, Version32, []Param{{n1, v1}, {n2, v2}})
		if len(built) > MaxStartup {
			return
		}
		s, err := ParseStartup(built[4:])
		if err != nil || !reflect.DeepEqual(sorted(append(s.Params, s.Options...)), sorted(want)) {
			t.Fatalf("read %+v, %v, want %v", s, err, want)
		}
		var m pgproto3.StartupMessage
		if err := m.Decode(built[4:]); len(want) > 0 && (err != nil || !reflect.DeepEqual(m.Parameters, theirs)) {
			t.Fatalf("pgproto3 reads %v, %v", m.Parameters, err)
		}
		checkCancel(t, pid, key)
	})
}

func checkCancel(t *testing.T, pid uint32, key []byte) {
	t.Helper()
	built := AppendCancel(nil, pid, key)
	s, err := ParseStartup(built[4:])
	if ok := len(key) >= MinKey && len(key) <= MaxKey; ok != (err == nil) {
		t.Fatalf("a key of %d bytes: %v", len(key), err)
	} else if !ok {
		return
	}
	var m pgproto3.CancelRequest
	if err := m.Decode(built[4:]); err != nil || m.ProcessID != pid || !bytes.Equal(m.SecretKey, key) {
		t.Fatalf("pgproto3 reads %+v, %v", m, err)
	}
	if s.Kind != CancelRequest || s.PID != pid || !bytes.Equal(s.Key, key) {
		t.Fatalf("read %+v", s)
	}
}

// sorted brings the protocol options behind the others, as the parser does.
func sorted(params []Param) []Param {
	var front, back []Param
	for _, p := range params {
		if strings.HasPrefix(p.Name, optionPrefix) {
			back = append(back, p)
		} else {
			front = append(front, p)
		}
	}
	return append(front, back...)
}

// What we take as a first packet, pgproto3 takes and reads the same; what pgproto3 reads and writes again, we take.
func FuzzStartup(f *testing.F) {
	for _, body := range [][]byte{
		packet(codeSSL, ""), packet(codeGSSENC, ""), packet(codeCancel, "\x00\x00\x00\x01key!"), packet(Version30, "user\x00u\x00\x00"),
		packet(Version32, "user\x00u\x00_pq_.a\x00b\x00\x00"), packet(2<<16, "x"), packet(Version30, "\x00"), packet(3<<16|9999, "a\x00\x00\x00"),
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := ParseStartup(body)
		if err != nil {
			var e *ProtocolError
			if !errors.As(err, &e) {
				t.Fatalf("not a protocol error: %v", err)
			}
		}
		switch {
		case s.Kind == StartupMessage && (s.Version == Version30 || s.Version == Version32):
			var m pgproto3.StartupMessage
			params := append(s.Params, s.Options...)
			if err := m.Decode(body); len(params) > 0 && (err != nil || len(m.Parameters) > len(params)) {
				t.Fatalf("we read %v, pgproto3 %v, %v", params, m.Parameters, err)
			}
			last := map[string]string{}
			for _, p := range params {
				last[p.Name] = p.Value
			}
			if len(params) > 0 && !reflect.DeepEqual(m.Parameters, last) {
				t.Fatalf("we read %v, pgproto3 %v", last, m.Parameters)
			}
		case s.Kind == CancelRequest:
			if built := AppendCancel(nil, s.PID, s.Key); !bytes.Equal(built[4:], body) {
				t.Fatalf("built again it is %q", built)
			}
		case err != nil && len(body) <= MaxStartup:
			var c pgproto3.CancelRequest
			if c.Decode(body) == nil {
				t.Fatalf("pgproto3 reads %+v, we say %v", c, err)
			}
			var m pgproto3.StartupMessage
			if m.Decode(body) != nil {
				return
			}
			_, nameless := m.Parameters[""]
			if again, _ := m.Encode(nil); !nameless && len(m.Parameters) == 1 && bytes.Equal(again[4:], body) {
				t.Fatalf("pgproto3 reads %+v, we say %v", m, err)
			}
		}
	})
}

// No command line makes ParseOptions fail but in its own way, and what it yields can be set: names are never empty.
func FuzzOptions(f *testing.F) {
	for _, text := range optionCases() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		params, err := ParseOptions(text)
		var e *ProtocolError
		if err != nil && (!errors.As(err, &e) || params != nil) {
			t.Fatalf("%v, %v", params, err)
		}
		for _, p := range params {
			if p.Name == "" || strings.Contains(p.Name, "-") || len(p.Name)+len(p.Value) > len(text)+40 {
				t.Fatalf("%q: %v", text, params)
			}
		}
	})
}
