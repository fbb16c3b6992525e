package console

import (
	"strconv"
	"time"
)

// kind is the type of a column. The types are those that PgBouncer gives its columns.
type kind uint8

const (
	textKind    kind = iota
	int4Kind         // counts and flags
	int8Kind         // seconds, serials
	numericKind      // totals; always whole numbers
	byteaKind
	boolKind // of SELECT only
)

// field is the head of a column.
type field struct {
	name string
	kind kind
}

// cell is one value.
type cell struct {
	null   bool
	text   string // of a text
	number int64  // of anything else
}

// column says how a value is taken from a row.
type column[R any] struct {
	field
	get func(R) cell
}

// table is a list of columns for rows of one kind.
type table[R any] []column[R]

func (t table[R]) fields() []field {
	out := make([]field, len(t))
	for i, c := range t {
		out[i] = c.field
	}
	return out
}

func (t table[R]) cells(rows []R) [][]cell {
	out := make([][]cell, len(rows))
	for i, r := range rows {
		out[i] = make([]cell, len(t))
		for j, c := range t {
			out[i][j] = c.get(r)
		}
	}
	return out
}

// text is a column that is empty when there is nothing.
func text[R any](name string, get func(R) string) column[R] {
	return column[R]{field{name, textKind}, func(r R) cell { return cell{text: get(r)} }}
}

// optional is a column that is NULL when there is nothing.
func optional[R any](name string, get func(R) string) column[R] {
	return column[R]{field{name, textKind}, func(r R) cell { return orNull(get(r)) }}
}

func orNull(text string) cell { return cell{text: text, null: text == ""} }

// count is a column of a small number.
func count[R any](name string, get func(R) int) column[R] {
	return column[R]{field{name, int4Kind}, func(r R) cell { return cell{number: int64(clamp(int64(get(r))))} }}
}

// flag is a column of 0 or 1.
func flag[R any](name string, get func(R) bool) column[R] {
	return column[R]{field{name, int4Kind}, func(r R) cell {
		if get(r) {
			return cell{number: 1}
		}
		return cell{}
	}}
}

// large is a column of an eight-byte number.
func large[R any](name string, get func(R) int64) column[R] {
	return column[R]{field{name, int8Kind}, func(r R) cell { return cell{number: get(r)} }}
}

// total is a column of a number that has no bound.
func total[R any](name string, get func(R) int64) column[R] {
	return column[R]{field{name, numericKind}, func(r R) cell { return cell{number: get(r)} }}
}

// moment is a column of a time, which PgBouncer shows as text; NULL when it is not known.
func moment[R any](name string, get func(R) time.Time) column[R] {
	return column[R]{field{name, textKind}, func(r R) cell { return orNull(stamp(get(r))) }}
}

// stamp writes a time as PgBouncer does, always in UTC.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 MST")
}

// wait is a pair of columns: whole seconds, and the microseconds beyond them.
func wait[R any](name string, get func(R) time.Duration) []column[R] {
	return []column[R]{
		count(name, func(r R) int { return int(get(r) / time.Second) }),
		count(name+"_us", func(r R) int { return int(get(r) % time.Second / time.Microsecond) }),
	}
}

// pointer writes an id where PgBouncer shows the address of an object: unique, and empty when there is none.
func pointer(id int32) string {
	if id == 0 {
		return ""
	}
	return "0x" + strconv.FormatInt(int64(id), 16)
}
