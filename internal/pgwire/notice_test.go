package pgwire

import (
	"bytes"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

func fullNotice() Notice {
	return Notice{
		Severity: "ERROR", Code: "42P01", Message: "m", Detail: "d", Hint: "h", Position: "15", InternalPosition: "3",
		InternalQuery: "q", Where: "w", Schema: "s", Table: "t", Column: "c", DataType: "dt", Constraint: "n", File: "f.c",
		Line: "7", Routine: "r",
	}
}

// theirs returns the same as pgproto3 has it.
func theirNotice(n Notice, severity string) pgproto3.ErrorResponse {
	number := func(s string) int32 {
		v, _ := strconv.ParseInt(s, 10, 32)
		return int32(v)
	}
	return pgproto3.ErrorResponse{
		Severity: severity, SeverityUnlocalized: n.Severity, Code: n.Code, Message: n.Message, Detail: n.Detail, Hint: n.Hint,
		Position: number(n.Position), InternalPosition: number(n.InternalPosition), InternalQuery: n.InternalQuery, Where: n.Where,
		SchemaName: n.Schema, TableName: n.Table, ColumnName: n.Column, DataTypeName: n.DataType, ConstraintName: n.Constraint,
		File: n.File, Line: number(n.Line), Routine: n.Routine,
	}
}

func TestAllFieldsOfAnErrorComeThrough(t *testing.T) {
	t.Parallel()
	n := fullNotice()
	body := AppendError(nil, n)[HeaderSize:]
	if got, err := ParseNotice(body); err != nil || got != n {
		t.Errorf("got %+v, %v", got, err)
	}
	var m pgproto3.ErrorResponse
	if err := m.Decode(body); err != nil || !reflect.DeepEqual(m, theirNotice(n, n.Severity)) {
		t.Errorf("pgproto3 reads %+v, %v", m, err)
	}
	back, err := m.Encode(nil)
	if got, parseErr := ParseNotice(back[HeaderSize:]); err != nil || parseErr != nil || got != n {
		t.Errorf("of pgproto3's we read %+v, %v, %v", got, err, parseErr)
	}
}

// CVE-2026-6666 (trap 10): a server may leave out what we count on.
func TestErrorsWithMissingFieldsAreRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Notice{
		"\x00":                 {},
		"Mx\x00\x00":           {Message: "x"},
		"SFATAL\x00Mx\x00\x00": {Severity: "FATAL", Message: "x"},
		"SFEHLER\x00VERROR\x00C42601\x00Mx\x00\x00": {Severity: "ERROR", Code: "42601", Message: "x"},
		"VERROR\x00SFEHLER\x00\x00":                 {Severity: "ERROR"},
		"?new field\x00C0\x00\x00":                  {Code: "0"},
		"M\x00D\x00\x00":                            {},
	} {
		if got, err := ParseNotice([]byte(body)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", body, got, err, want)
		}
	}
	for _, body := range []string{"", "M", "Mx", "Mx\x00", "\x00\x00", "Mx\x00\x00M"} {
		if got, err := ParseNotice([]byte(body)); err == nil || got != (Notice{}) {
			t.Errorf("%q: got %+v, %v", body, got, err)
		}
	}
}

func TestAnErrorAlwaysHasWhatClientsCountOn(t *testing.T) {
	t.Parallel()
	if got, want := string(AppendError(nil, Notice{})[HeaderSize:]), "SERROR\x00VERROR\x00CXX000\x00M\x00\x00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(AppendNotice(nil, Notice{})[HeaderSize:]), "SNOTICE\x00VNOTICE\x00C00000\x00M\x00\x00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for severity, want := range map[string]bool{"ERROR": false, "FATAL": true, "PANIC": true, "WARNING": false, "": false} {
		if n := (Notice{Severity: severity}); n.Fatal() != want {
			t.Errorf("%s: Fatal is %v", severity, n.Fatal())
		}
	}
}

func TestOneFieldOfAnErrorIsFoundWithoutReadingAll(t *testing.T) {
	t.Parallel()
	body := AppendError(nil, fullNotice())[HeaderSize:]
	for letter, want := range map[byte]string{'S': "ERROR", 'C': "42P01", 'M': "m", 'R': "r"} {
		if got := NoticeField(body, letter); string(got) != want {
			t.Errorf("%c: got %q", letter, got)
		}
	}
	for _, body := range []string{"", "\x00", "\x00C1\x00", "Mx", "Mx\x00", "C1"} {
		if got := NoticeField([]byte(body), 'C'); got != nil {
			t.Errorf("%q: got %q", body, got)
		}
	}
	if got := NoticeField([]byte("C\x00\x00"), 'C'); got == nil || len(got) != 0 {
		t.Errorf("an empty field: got %v", got)
	}
}

func FuzzNotice(f *testing.F) {
	f.Add(AppendError(nil, fullNotice())[HeaderSize:])
	f.Add([]byte("SFATAL\x00Mx\x00\x00"))
	f.Add([]byte("?\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := ParseNotice(bytes.Clone(body))
		var m pgproto3.ErrorResponse
		theirErr := m.Decode(body)
		if code := NoticeField(body, 'C'); err == nil && string(code) != n.Code && bytes.Count(body, []byte{0, 'C'}) == 0 {
			t.Fatalf("NoticeField says %q, ParseNotice %+v", code, n)
		}
		if err != nil {
			if again, _ := m.Encode(nil); theirErr == nil && len(m.UnknownFields) < 2 && bytes.Equal(again[HeaderSize:], body) {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		if m.SeverityUnlocalized == "" {
			m.SeverityUnlocalized = m.Severity
		}
		m.UnknownFields = nil
		if theirErr != nil || !reflect.DeepEqual(m, theirNotice(n, m.Severity)) {
			t.Fatalf("we read %+v\npgproto3 reads %+v, %v", n, m, theirErr)
		}
		if again, err := ParseNotice(AppendError(nil, defaults(n))[HeaderSize:]); err != nil || again != defaults(n) {
			t.Fatalf("built again it is %+v, %v", again, err)
		}
	})
}

func defaults(n Notice) Notice {
	if n.Severity == "" {
		n.Severity = "ERROR"
	}
	if n.Code == "" {
		n.Code = "XX000"
	}
	return n
}

func TestRequestsForAuthenticationAreRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]AuthRequest{
		"\x00\x00\x00\x00":                {Kind: AuthOK},
		"\x00\x00\x00\x03":                {Kind: AuthCleartext},
		"\x00\x00\x00\x05salt":            {Kind: AuthMD5, Salt: [4]byte([]byte("salt"))},
		"\x00\x00\x00\x0aA\x00BC\x00\x00": {Kind: AuthSASL, Mechanisms: []string{"A", "BC"}},
		"\x00\x00\x00\x0a\x00":            {Kind: AuthSASL},
		"\x00\x00\x00\x0br=x":             {Kind: AuthSASLContinue, Data: []byte("r=x")},
		"\x00\x00\x00\x0c":                {Kind: AuthSASLFinal, Data: []byte{}},
		"\x00\x00\x00\x07":                {Kind: 7, Data: []byte{}},
		"\x00\x00\x00\x08gss":             {Kind: 8, Data: []byte("gss")},
	} {
		if got, err := ParseAuthentication([]byte(body)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, %v, want %+v", body, got, err, want)
		}
	}
	for _, body := range []string{
		"", "\x00\x00\x00", "\x00\x00\x00\x00x", "\x00\x00\x00\x03x", "\x00\x00\x00\x05sal", "\x00\x00\x00\x05salt!", "\x00\x00\x00\x0a",
		"\x00\x00\x00\x0aA", "\x00\x00\x00\x0aA\x00", "\x00\x00\x00\x0aA\x00\x00x",
	} {
		if got, err := ParseAuthentication([]byte(body)); err == nil {
			t.Errorf("%q: got %+v", body, got)
		}
	}
}

func TestMethodsOfAuthenticationHaveNames(t *testing.T) {
	t.Parallel()
	for kind, want := range map[AuthKind]string{
		AuthOK: "ok", AuthCleartext: "cleartext password", AuthMD5: "MD5 password", AuthSASL: "SASL", AuthSASLContinue: "SASL",
		AuthSASLFinal: "SASL", 7: "authentication method 7",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%d: got %q, want %q", uint32(kind), got, want)
		}
	}
}

// pgproto3 reads authentication messages through its Frontend only: see that it finds the same in each.
func FuzzAuthentication(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00"))
	f.Add([]byte("\x00\x00\x00\x05salt"))
	f.Add([]byte("\x00\x00\x00\x0bdata"))
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := ParseAuthentication(body)
		if err != nil {
			return
		}
		theirs, theirErr := pgproto3.NewFrontend(bytes.NewReader(appendRaw(nil, Authentication, body)), nil).Receive()
		switch m := theirs.(type) {
		case *pgproto3.AuthenticationOk:
			err = unless(got.Kind == AuthOK)
		case *pgproto3.AuthenticationCleartextPassword:
			err = unless(got.Kind == AuthCleartext)
		case *pgproto3.AuthenticationMD5Password:
			err = unless(got.Kind == AuthMD5 && got.Salt == m.Salt)
		case *pgproto3.AuthenticationSASL:
			err = unless(got.Kind == AuthSASL && slices.Equal(got.Mechanisms, m.AuthMechanisms))
		case *pgproto3.AuthenticationSASLContinue:
			err = unless(got.Kind == AuthSASLContinue && bytes.Equal(got.Data, m.Data))
		case *pgproto3.AuthenticationSASLFinal:
			err = unless(got.Kind == AuthSASLFinal && bytes.Equal(got.Data, m.Data))
		default: // what it does not know, or asks more of
			err = unless(got.Kind != AuthOK && got.Kind != AuthCleartext && got.Kind != AuthMD5 || theirErr == nil)
		}
		if err != nil {
			t.Fatalf("we read %+v, pgproto3 %#v, %v", got, theirs, theirErr)
		}
	})
}

func unless(ok bool) error {
	if ok {
		return nil
	}
	return malformed("test")
}
