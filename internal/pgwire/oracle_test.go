package pgwire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A twin is one message as we build it and as pgproto3 does.
type twin struct {
	ours   []byte
	theirs interface{ Encode([]byte) ([]byte, error) }
}

// check compares the bytes, and what pgproto3 reads in ours with what it wrote.
func (w twin) check(t *testing.T) {
	t.Helper()
	want, err := w.theirs.Encode(nil)
	if err != nil {
		t.Fatalf("pgproto3 cannot encode %#v: %v", w.theirs, err)
	}
	if !bytes.Equal(w.ours, want) {
		t.Errorf("%T:\ngot  %q\nwant %q", w.theirs, w.ours, want)
	}
}

// frontendTwins returns each message of a client, made of the same values.
func frontendTwins(a, b string, raw []byte, n uint32, formats []int16, values [][]byte) []twin {
	oids := []uint32{n, 0, 1<<32 - 1 - n}
	return []twin{
		{AppendQuery(nil, a), &pgproto3.Query{String: a}},
		{AppendQuery(nil, []byte(a)), &pgproto3.Query{String: a}},
		{AppendParse(nil, a, b, oids), &pgproto3.Parse{Name: a, Query: b, ParameterOIDs: oids}},
		{AppendParse(nil, []byte(a), b, nil), &pgproto3.Parse{Name: a, Query: b}},
		{
			AppendBind(nil, a, []byte(b), formats, values, formats),
			&pgproto3.Bind{DestinationPortal: a, PreparedStatement: b, ParameterFormatCodes: formats, Parameters: values, ResultFormatCodes: formats},
		},
		{AppendDescribe(nil, 'S', a), &pgproto3.Describe{ObjectType: 'S', Name: a}},
		{AppendClose(nil, 'P', a), &pgproto3.Close{ObjectType: 'P', Name: a}},
		{AppendExecute(nil, a, n), &pgproto3.Execute{Portal: a, MaxRows: n}},
		{AppendSync(nil), &pgproto3.Sync{}},
		{AppendFlush(nil), &pgproto3.Flush{}},
		{AppendTerminate(nil), &pgproto3.Terminate{}},
		{AppendBare(nil, FrontendCopyDone), &pgproto3.CopyDone{}},
		{AppendCopyFail(nil, a), &pgproto3.CopyFail{Message: a}},
		{AppendCopyData(nil, raw), &pgproto3.CopyData{Data: raw}},
		{AppendPassword(nil, a), &pgproto3.PasswordMessage{Password: a}},
		{AppendSASLInitial(nil, a, raw), &pgproto3.SASLInitialResponse{AuthMechanism: a, Data: raw}},
		{AppendSASLResponse(nil, raw), &pgproto3.SASLResponse{Data: raw}},
		{AppendSSLRequest(nil), &pgproto3.SSLRequest{}},
		{AppendGSSENCRequest(nil), &pgproto3.GSSEncRequest{}},
		{AppendStartup(nil, Version32, []Param{{"user", a}}), &pgproto3.StartupMessage{ProtocolVersion: 3<<16 | 2, Parameters: map[string]string{"user": a}}},
	}
}

// backendTwins returns each message of a server, made of the same values.
func backendTwins(a, b string, raw []byte, n uint32, values [][]byte) []twin {
	f := Field{Name: a, Table: n, Column: int16(n), Type: ^n, TypeSize: -int16(n), TypeMod: int32(n), Format: 1}
	g := pgproto3.FieldDescription{
		Name: []byte(a), TableOID: n, TableAttributeNumber: uint16(n), DataTypeOID: ^n, DataTypeSize: -int16(n), TypeModifier: int32(n), Format: 1,
	}
	oids := []uint32{n, 0}
	return []twin{
		{AppendAuthOK(nil), &pgproto3.AuthenticationOk{}},
		{AppendAuthCleartext(nil), &pgproto3.AuthenticationCleartextPassword{}},
		{AppendAuthSASL(nil, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"), &pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"}}},
		{AppendAuthSASLContinue(nil, raw), &pgproto3.AuthenticationSASLContinue{Data: raw}},
		{AppendAuthSASLFinal(nil, raw), &pgproto3.AuthenticationSASLFinal{Data: raw}},
		{AppendNegotiate(nil, 2, []string{"_pq_." + a, b}), &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: 3<<16 | 2, UnrecognizedOptions: []string{"_pq_." + a, b}}},
		{AppendBackendKeyData(nil, n, raw), &pgproto3.BackendKeyData{ProcessID: n, SecretKey: raw}},
		{AppendParameterStatus(nil, a, []byte(b)), &pgproto3.ParameterStatus{Name: a, Value: b}},
		{AppendReadyForQuery(nil, Idle), &pgproto3.ReadyForQuery{TxStatus: 'I'}},
		{AppendCommandComplete(nil, a), &pgproto3.CommandComplete{CommandTag: []byte(a)}},
		{AppendParameterDescription(nil, oids), &pgproto3.ParameterDescription{ParameterOIDs: oids}},
		{AppendRowDescription(nil, []Field{f, TextField(b)}), &pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{
			g, {Name: []byte(b), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1},
		}}},
		{AppendDataRow(nil, values), &pgproto3.DataRow{Values: values}},
		{AppendNotification(nil, n, a, b), &pgproto3.NotificationResponse{PID: n, Channel: a, Payload: b}},
		{AppendError(nil, Notice{Severity: "FATAL", Code: "53300", Message: "m" + a, Detail: b}), &pgproto3.ErrorResponse{
			Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "53300", Message: "m" + a, Detail: b,
		}},
		{AppendNotice(nil, Notice{Message: "m" + a, Hint: b}), &pgproto3.NoticeResponse{
			Severity: "NOTICE", SeverityUnlocalized: "NOTICE", Code: "00000", Message: "m" + a, Hint: b,
		}},
		{AppendBare(nil, ParseComplete), &pgproto3.ParseComplete{}},
		{AppendBare(nil, BindComplete), &pgproto3.BindComplete{}},
		{AppendBare(nil, CloseComplete), &pgproto3.CloseComplete{}},
		{AppendBare(nil, NoData), &pgproto3.NoData{}},
		{AppendBare(nil, PortalSuspended), &pgproto3.PortalSuspended{}},
		{AppendBare(nil, EmptyQueryResponse), &pgproto3.EmptyQueryResponse{}},
	}
}

func TestWhatWeBuildIsWhatPgproto3Builds(t *testing.T) {
	t.Parallel()
	values := [][]byte{nil, {}, []byte("x"), bytes.Repeat([]byte{0}, 300)}
	for _, w := range frontendTwins("käse", "SELECT $1", []byte{0, 1, 2, 3}, 7, []int16{1}, values) {
		w.check(t)
	}
	for _, w := range backendTwins("name", "value", []byte{0, 1, 2, 3, 0}, 40000, values) {
		w.check(t)
	}
}

// Whatever the texts, our bytes are pgproto3's; with a NUL in them, they are those of the texts up to it.
func FuzzBuilders(f *testing.F) {
	f.Add("", "", []byte(nil), uint32(0))
	f.Add("a", "SELECT 1", []byte{0, 0, 0, 0}, uint32(1<<31))
	f.Add("a\x00b", "\x00", []byte("key!"), uint32(42))
	f.Fuzz(func(t *testing.T, a, b string, raw []byte, n uint32) {
		if raw == nil {
			raw = []byte{}
		}
		cutA, _, _ := strings.Cut(a, "\x00")
		cutB, _, _ := strings.Cut(b, "\x00")
		formats, values := []int16{int16(n), 0}, [][]byte{raw, nil, []byte(a)}
		check := func(ours, theirs []twin) {
			for i := range ours {
				twin{ours[i].ours, theirs[i].theirs}.check(t)
			}
		}
		check(frontendTwins(a, b, raw, n, formats, values), frontendTwins(cutA, cutB, raw, n, formats, values))
		if cutA != "" && cutB != "" { // pgproto3 leaves empty fields of an error out, and has an empty option end the list
			check(backendTwins(a, b, raw, n, values), backendTwins(cutA, cutB, raw, n, values))
		}
	})
}

// A builder leaves alone what is there, and appends the same as to nothing.
func TestBuildersAppend(t *testing.T) {
	t.Parallel()
	front := []byte("before")
	for name, build := range map[string]func([]byte) []byte{
		"parse":     func(b []byte) []byte { return AppendParse(b, "s", "SELECT 1", []uint32{23}) },
		"statement": func(b []byte) []byte { return AppendStatement(b, "s", Statement{Query: []byte("SELECT 1")}) },
		"bind":      func(b []byte) []byte { return AppendBind(b, "", "s", nil, [][]byte{nil}, nil) },
		"bindRest":  func(b []byte) []byte { return AppendBindRest(b, "", "s", []byte{0, 0, 0, 0, 0, 0}) },
		"error":     func(b []byte) []byte { return AppendError(b, Notice{Message: "x"}) },
		"startup":   func(b []byte) []byte { return AppendStartup(b, Version30, []Param{{"user", "u"}}) },
		"cancel":    func(b []byte) []byte { return AppendCancel(b, 1, []byte("1234")) },
		"row":       func(b []byte) []byte { return AppendDataRow(b, [][]byte{[]byte("v")}) },
		"ready":     func(b []byte) []byte { return AppendReadyForQuery(b, InFailed) },
		"sasl":      func(b []byte) []byte { return AppendAuthSASL(b, "M") },
		"ssl":       AppendSSLRequest,
	} {
		if got, want := build(bytes.Clone(front)), append(bytes.Clone(front), build(nil)...); !bytes.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// A Parse or a Bind that is passed on under another name keeps all the rest.
func TestRenamedMessagesKeepTheRest(t *testing.T) {
	t.Parallel()
	parse := AppendParse(nil, "client's", "SELECT $1, $2", []uint32{23, 0})
	s, err := ParseParse(parse[HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := AppendStatement(nil, "ours", s), AppendParse(nil, "ours", "SELECT $1, $2", []uint32{23, 0}); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	values, formats := [][]byte{nil, []byte("x\x00")}, []int16{1}
	bind := AppendBind(nil, "p", "client's", formats, values, formats)
	portal, _, rest, err := ParseBind(bind[HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := AppendBindRest(nil, portal, "ours", rest), AppendBind(nil, "p", "ours", formats, values, formats); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	v, err := ParseBindRest(rest)
	if want := (Values{Formats: formats, Values: values, ResultFormats: formats}); err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("got %v, %v, want %v", v, err, want)
	}
}
