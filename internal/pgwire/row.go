package pgwire

// A Field is a column of a result.
type Field struct {
	Name     string
	Table    uint32 // OID of the table, 0 if the column comes from none
	Column   int16  // its number there, 0 if it is of no table
	Type     uint32 // OID of the type
	TypeSize int16  // see pg_type.typlen; negative: variable
	TypeMod  int32  // see pg_attribute.atttypmod; -1: none
	Format   int16  // 0 text, 1 binary
}

// TextField returns a column of type text that comes from no table.
func TextField(name string) Field {
	const oidText = 25
	return Field{Name: name, Type: oidText, TypeSize: -1, TypeMod: -1}
}

// AppendRowDescription appends the description of a result.
func AppendRowDescription(dst []byte, fields []Field) []byte {
	start := len(dst)
	dst = append16(open(dst, RowDescription), len(fields))
	for i := range fields {
		f := &fields[i]
		dst = append32(cstring(dst, f.Name), f.Table)
		dst = append32(append16(dst, int(f.Column)), f.Type)
		dst = append32(append16(dst, int(f.TypeSize)), uint32(f.TypeMod))
		dst = append16(dst, int(f.Format))
	}
	return seal(dst, start)
}

// AppendDataRow appends a row; a nil value is NULL.
func AppendDataRow(dst []byte, values [][]byte) []byte {
	start := len(dst)
	dst = append16(open(dst, DataRow), len(values))
	for _, v := range values {
		dst = appendValue(dst, v)
	}
	return seal(dst, start)
}

// ParseRowDescription reads the body of a RowDescription. The names are copies.
func ParseRowDescription(body []byte) ([]Field, error) {
	const fixed = 4 + 2 + 4 + 2 + 4 + 2 // bytes of a field after its name
	c := cursor{b: body}
	n := int(c.uint16())
	fields := make([]Field, 0, min(n, len(body)/(fixed+1)))
	for range n {
		fields = append(fields, Field{
			Name: string(c.string()), Table: c.uint32(), Column: int16(c.uint16()), Type: c.uint32(),
			TypeSize: int16(c.uint16()), TypeMod: int32(c.uint32()), Format: int16(c.uint16()),
		})
		if c.bad {
			break
		}
	}
	if !c.done() {
		return nil, malformed("RowDescription")
	}
	return fields, nil
}

// ParseDataRow reads the body of a DataRow and appends its values to dst, nil for NULL. They are parts of body.
func ParseDataRow(body []byte, dst [][]byte) ([][]byte, error) {
	c := cursor{b: body}
	dst = c.values(int(c.uint16()), dst)
	if !c.done() {
		return nil, malformed("DataRow")
	}
	return dst, nil
}
