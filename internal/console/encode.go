package console

import (
	"encoding/binary"
	"strconv"

	"holdfast/internal/pgwire"
)

// Formats of values on the wire.
const (
	textFormat   = 0
	binaryFormat = 1
)

// typeOf returns the OID and the length of a type as pg_type has them.
func typeOf(k kind) (oid uint32, size int16) {
	switch k {
	case int4Kind:
		return 23, 4
	case int8Kind:
		return 20, 8
	case numericKind:
		return 1700, -1
	case byteaKind:
		return 17, -1
	case boolKind:
		return 16, 1
	}
	return 25, -1
}

// appendFields appends the RowDescription of columns; formats has one format for each of them, or is nil for text.
func appendFields(dst []byte, fields []field, formats []int16) []byte {
	out := make([]pgwire.Field, len(fields))
	for i, f := range fields {
		oid, size := typeOf(f.kind)
		out[i] = pgwire.Field{Name: f.name, Type: oid, TypeSize: size, TypeMod: -1}
		if formats != nil {
			out[i].Format = formats[i]
		}
	}
	return pgwire.AppendRowDescription(dst, out)
}

// appendRow appends a DataRow.
func appendRow(dst []byte, fields []field, formats []int16, row []cell) []byte {
	values := make([][]byte, len(row))
	for i, c := range row {
		if c.null {
			continue
		}
		if formats != nil && formats[i] == binaryFormat {
			values[i] = encodeBinary(fields[i].kind, c)
		} else {
			values[i] = encodeText(fields[i].kind, c)
		}
	}
	return pgwire.AppendDataRow(dst, values)
}

// encodeText returns the value as text; never nil, which would be NULL.
func encodeText(k kind, c cell) []byte {
	switch k {
	case textKind:
		return append([]byte{}, c.text...)
	case byteaKind:
		return append([]byte(`\x`), c.text...)
	case boolKind:
		if c.number != 0 {
			return []byte("t")
		}
		return []byte("f")
	}
	return strconv.AppendInt(nil, c.number, 10)
}

// encodeBinary returns the value as the type's send function writes it.
func encodeBinary(k kind, c cell) []byte {
	switch k {
	case int4Kind:
		return binary.BigEndian.AppendUint32(nil, uint32(c.number))
	case int8Kind:
		return binary.BigEndian.AppendUint64(nil, uint64(c.number))
	case numericKind:
		return encodeNumeric(c.number)
	case boolKind:
		return []byte{byte(c.number & 1)}
	}
	return append([]byte{}, c.text...)
}

// encodeNumeric writes a whole number as numeric_send does: count of digits, weight of the first, sign, digits behind
// the point, and the digits themselves in base 10,000, two bytes each.
func encodeNumeric(n int64) []byte {
	const negative = 0x4000
	var sign uint16
	rest := uint64(n)
	if n < 0 {
		sign, rest = negative, -rest
	}
	var digits []uint16 // the last one first
	for ; rest > 0; rest /= 10_000 {
		digits = append(digits, uint16(rest%10_000))
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(len(digits)))
	out = binary.BigEndian.AppendUint16(out, uint16(max(len(digits)-1, 0)))
	out = binary.BigEndian.AppendUint16(out, sign)
	out = binary.BigEndian.AppendUint16(out, 0)
	for i := len(digits) - 1; i >= 0; i-- {
		out = binary.BigEndian.AppendUint16(out, digits[i])
	}
	return out
}

// resultFormats spreads the formats of a Bind over n columns.
func resultFormats(given []int16, n int) ([]int16, error) {
	for _, f := range given {
		if f != textFormat && f != binaryFormat {
			return nil, refuse(stateProtocol, "unsupported format code: %d", f)
		}
	}
	out := make([]int16, n)
	switch {
	case len(given) == 1:
		for i := range out {
			out[i] = given[0]
		}
	case len(given) == n:
		copy(out, given)
	case len(given) > 0 && n > 0:
		return nil, refuse(stateProtocol, "bind message has %d result formats but query has %d columns", len(given), n)
	}
	return out, nil
}

// parameters decodes the values of a Bind. oids are the types that the client announced; 0 is text.
func parameters(v pgwire.Values, oids []uint32) ([]string, error) {
	if len(v.Values) != len(oids) {
		return nil, refuse(stateProtocol, "bind message supplies %d parameters, but the statement requires %d", len(v.Values), len(oids))
	}
	if len(v.Formats) > 1 && len(v.Formats) != len(v.Values) {
		return nil, refuse(stateProtocol, "bind message has %d parameter formats but %d parameters", len(v.Formats), len(v.Values))
	}
	out := make([]string, len(oids))
	for i, value := range v.Values {
		if value == nil {
			return nil, refuse(stateInvalid, "parameter $%d is NULL", i+1)
		}
		format := int16(textFormat)
		if len(v.Formats) > 0 {
			format = v.Formats[min(i, len(v.Formats)-1)]
		}
		text, err := decode(value, format, oids[i])
		if err != nil {
			return nil, err
		}
		out[i] = text
	}
	return out, nil
}

// decode returns a parameter as text.
func decode(value []byte, format int16, oid uint32) (string, error) {
	const int8OID, int2OID, int4OID = 20, 21, 23
	number := oid == int2OID || oid == int4OID || oid == int8OID
	switch {
	case format == textFormat || !number:
		return string(value), nil
	case oid == int2OID && len(value) == 2:
		return strconv.Itoa(int(int16(binary.BigEndian.Uint16(value)))), nil
	case oid == int4OID && len(value) == 4:
		return strconv.Itoa(int(int32(binary.BigEndian.Uint32(value)))), nil
	case oid == int8OID && len(value) == 8:
		return strconv.FormatInt(int64(binary.BigEndian.Uint64(value)), 10), nil
	}
	return "", refuse("22P03", "incorrect binary data format in bind parameter")
}
