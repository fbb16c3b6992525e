package pgwire

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A reading of a body by us: the message built again from what was read, and what a pgproto3 message must hold.
type reading struct {
	rebuilt []byte
	want    any // a pgproto3 message
}

// A parser is one of ours with pgproto3's message for the same body.
type parser struct {
	read   func(body []byte) (reading, error)
	theirs func() pgproto3.Message
	// stricter reports whether a body that pgproto3 takes and writes again as it was is refused by us on purpose.
	stricter func(m pgproto3.Message) bool
}

func parsers() map[string]parser {
	all := frontendParsers()
	maps.Copy(all, sessionParsers())
	maps.Copy(all, resultParsers())
	return all
}

func frontendParsers() map[string]parser {
	return map[string]parser{
		"Parse": {read: func(body []byte) (reading, error) {
			s, err := ParseParse(body)
			c := cursor{b: s.OIDs}
			var oids []uint32
			for len(c.b) > 0 {
				oids = append(oids, c.uint32())
			}
			return reading{AppendStatement(nil, s.Name, s), &pgproto3.Parse{Name: string(s.Name), Query: string(s.Query), ParameterOIDs: oids}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.Parse) }},
		"Bind": {read: func(body []byte) (reading, error) {
			portal, statement, rest, err := ParseBind(body)
			if err != nil {
				return reading{}, err
			}
			v, err := ParseBindRest(rest)
			return reading{AppendBindRest(nil, portal, statement, rest), &pgproto3.Bind{
				DestinationPortal: string(portal), PreparedStatement: string(statement), ParameterFormatCodes: v.Formats,
				Parameters: noneIsNil(v.Values), ResultFormatCodes: append([]int16{}, v.ResultFormats...),
			}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.Bind) }, stricter: func(m pgproto3.Message) bool {
			b := m.(*pgproto3.Bind)
			return len(b.ParameterFormatCodes) > 1 && len(b.ParameterFormatCodes) != len(b.Parameters)
		}},
		"Describe": {read: func(body []byte) (reading, error) {
			kind, name, err := ParseTarget(body)
			return reading{AppendDescribe(nil, kind, name), &pgproto3.Describe{ObjectType: kind, Name: string(name)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.Describe) }, stricter: func(m pgproto3.Message) bool {
			kind := m.(*pgproto3.Describe).ObjectType
			return kind != 'S' && kind != 'P'
		}},
		"Execute": {read: func(body []byte) (reading, error) {
			portal, rows, err := ParseExecute(body)
			return reading{AppendExecute(nil, portal, rows), &pgproto3.Execute{Portal: string(portal), MaxRows: rows}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.Execute) }},
		"Query": {read: func(body []byte) (reading, error) {
			sql, err := ParseQuery(body)
			return reading{AppendQuery(nil, sql), &pgproto3.Query{String: string(sql)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.Query) }, stricter: hasNUL},
		"Password": {read: func(body []byte) (reading, error) {
			password, err := ParsePassword(body)
			return reading{AppendPassword(nil, password), &pgproto3.PasswordMessage{Password: string(password)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.PasswordMessage) }, stricter: hasNUL},
		"CopyFail": {read: func(body []byte) (reading, error) {
			reason, err := ParseCopyFail(body)
			return reading{AppendCopyFail(nil, reason), &pgproto3.CopyFail{Message: string(reason)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.CopyFail) }, stricter: hasNUL},
		"SASLInitial": {read: func(body []byte) (reading, error) {
			mechanism, data, err := ParseSASLInitial(body)
			return reading{AppendSASLInitial(nil, mechanism, data), &pgproto3.SASLInitialResponse{AuthMechanism: mechanism, Data: append([]byte{}, data...)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.SASLInitialResponse) }},
	}
}

// sessionParsers are those of what a server tells about a session.
func sessionParsers() map[string]parser {
	return map[string]parser{
		"ParameterStatus": {read: func(body []byte) (reading, error) {
			name, value, err := ParseParameterStatus(body)
			return reading{AppendParameterStatus(nil, name, value), &pgproto3.ParameterStatus{Name: string(name), Value: string(value)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.ParameterStatus) }},
		"BackendKeyData": {read: func(body []byte) (reading, error) {
			pid, key, err := ParseBackendKeyData(body)
			return reading{AppendBackendKeyData(nil, pid, key), &pgproto3.BackendKeyData{ProcessID: pid, SecretKey: key}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.BackendKeyData) }, stricter: func(m pgproto3.Message) bool {
			return len(m.(*pgproto3.BackendKeyData).SecretKey) > MaxKey
		}},
		"ReadyForQuery": {read: func(body []byte) (reading, error) {
			status, err := ParseReady(body)
			return reading{AppendReadyForQuery(nil, status), &pgproto3.ReadyForQuery{TxStatus: status}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.ReadyForQuery) }, stricter: func(m pgproto3.Message) bool {
			return !bytes.ContainsRune([]byte("ITE"), rune(m.(*pgproto3.ReadyForQuery).TxStatus))
		}},
		"NegotiateProtocolVersion": {read: func(body []byte) (reading, error) {
			minor, unknown, err := ParseNegotiate(body)
			rebuilt := AppendNegotiate(nil, minor, unknown)
			version := 3<<16 | minor
			if err == nil && body[1] == 0 { // the bare minor of the manual
				rebuilt[HeaderSize+1], version = 0, minor
			}
			return reading{rebuilt, &pgproto3.NegotiateProtocolVersion{NewestMinorProtocol: version, UnrecognizedOptions: append([]string{}, unknown...)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.NegotiateProtocolVersion) }, stricter: func(m pgproto3.Message) bool {
			major := m.(*pgproto3.NegotiateProtocolVersion).NewestMinorProtocol >> 16
			return major != 0 && major != 3
		}},
		"NotificationResponse": {read: func(body []byte) (reading, error) {
			pid, channel, payload, err := ParseNotification(body)
			return reading{AppendNotification(nil, pid, channel, payload), &pgproto3.NotificationResponse{PID: pid, Channel: string(channel), Payload: string(payload)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.NotificationResponse) }},
	}
}

// resultParsers are those of what a server tells about a statement.
func resultParsers() map[string]parser {
	return map[string]parser{
		"ParameterDescription": {read: func(body []byte) (reading, error) {
			oids, err := ParseParameterDescription(body)
			return reading{AppendParameterDescription(nil, oids), &pgproto3.ParameterDescription{ParameterOIDs: oids}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.ParameterDescription) }},
		"RowDescription": {read: func(body []byte) (reading, error) {
			fields, err := ParseRowDescription(body)
			var want []pgproto3.FieldDescription
			for _, f := range fields {
				want = append(want, pgproto3.FieldDescription{
					Name: []byte(f.Name), TableOID: f.Table, TableAttributeNumber: uint16(f.Column), DataTypeOID: f.Type,
					DataTypeSize: f.TypeSize, TypeModifier: f.TypeMod, Format: f.Format,
				})
			}
			return reading{AppendRowDescription(nil, fields), &pgproto3.RowDescription{Fields: want}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.RowDescription) }},
		"DataRow": {read: func(body []byte) (reading, error) {
			values, err := ParseDataRow(body, nil)
			return reading{AppendDataRow(nil, values), &pgproto3.DataRow{Values: noneIsNil(values)}}, err
		}, theirs: func() pgproto3.Message { return new(pgproto3.DataRow) }},
		"CommandComplete": {read: func(body []byte) (reading, error) {
			tag := ParseCommandTag(body)
			if len(tag)+1 != len(body) {
				return reading{}, malformed("CommandComplete")
			}
			return reading{AppendCommandComplete(nil, tag), &pgproto3.CommandComplete{CommandTag: tag}}, nil
		}, theirs: func() pgproto3.Message { return new(pgproto3.CommandComplete) }, stricter: hasNUL},
	}
}

// noneIsNil makes an empty list nil, which pgproto3's Bind has where there is none.
func noneIsNil(values [][]byte) [][]byte {
	if len(values) == 0 {
		return nil
	}
	return values
}

// hasNUL reports whether a message of one text has a NUL inside of it.
func hasNUL(m pgproto3.Message) bool {
	encoded, err := m.(interface{ Encode([]byte) ([]byte, error) }).Encode(nil)
	return err == nil && bytes.IndexByte(encoded[HeaderSize:len(encoded)-1], 0) >= 0
}

// compare holds a parser to three things: what it takes, it takes whole (built again, it is the same bytes); pgproto3
// reads the same values in it; and what pgproto3 reads and writes again as it was, it takes too.
func (p parser) compare(body []byte) error {
	got, err := p.read(bytes.Clone(body))
	theirs := p.theirs()
	theirErr := theirs.Decode(bytes.Clone(body))
	if err != nil {
		if theirErr != nil || p.stricter != nil && p.stricter(theirs) {
			return nil
		}
		again, encodeErr := theirs.(interface{ Encode([]byte) ([]byte, error) }).Encode(nil)
		if encodeErr == nil && bytes.Equal(again[HeaderSize:], body) {
			return fmt.Errorf("refused: %w", err)
		}
		return nil
	}
	switch {
	case !bytes.Equal(got.rebuilt[HeaderSize:], body):
		return fmt.Errorf("built again it is %q", got.rebuilt[HeaderSize:])
	case theirErr != nil:
		return fmt.Errorf("pgproto3 refuses: %w", theirErr)
	case !reflect.DeepEqual(got.want, theirs):
		return fmt.Errorf("we read    %#v\npgproto3 reads %#v", got.want, theirs)
	}
	return nil
}

// corpus returns bodies of all messages, whole.
func corpus() [][]byte {
	var bodies [][]byte
	values := [][]byte{nil, {}, []byte("x")}
	for _, w := range slices.Concat(
		frontendTwins("s1", "SELECT 1", []byte("data"), 7, []int16{1}, values),
		frontendTwins("", "", []byte{}, 0, nil, nil),
		backendTwins("s1", "SELECT 1", []byte("0123456789abcdef0123456789abcdef"), 7, values),
		backendTwins("", "", []byte{1, 2, 3, 4}, 0, nil),
	) {
		if len(w.ours) >= HeaderSize {
			bodies = append(bodies, w.ours[HeaderSize:])
		}
	}
	return bodies
}

// Every body, whole, cut at every length, with a byte too many, and with each byte changed, through every parser.
func TestParsersReadWhatPgproto3Reads(t *testing.T) {
	t.Parallel()
	all := parsers()
	check := func(body []byte) {
		for name, p := range all {
			if err := p.compare(body); err != nil {
				t.Errorf("%s of %q: %v", name, body, err)
			}
		}
	}
	for _, body := range corpus() {
		for cut := range len(body) + 1 {
			check(body[:cut])
		}
		check(append(bytes.Clone(body), 0))
		for i := range body {
			for _, with := range []byte{0, 1, 0x7f, 0xff} {
				changed := bytes.Clone(body)
				changed[i] = with
				check(changed)
			}
		}
	}
}

// Each parser takes the message it is for.
func TestEveryParserTakesItsMessage(t *testing.T) {
	t.Parallel()
	for name, p := range parsers() {
		taken := 0
		for _, body := range corpus() {
			if _, err := p.read(body); err == nil {
				taken++
			}
		}
		if taken == 0 {
			t.Errorf("%s takes nothing of the corpus", name)
		}
	}
}

func FuzzParsers(f *testing.F) {
	all := parsers()
	names := slices.Sorted(maps.Keys(all))
	for i, name := range names {
		for _, body := range corpus() {
			if _, err := all[name].read(body); err == nil {
				f.Add(uint8(i), body)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		name := names[int(which)%len(names)]
		if err := all[name].compare(body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}
