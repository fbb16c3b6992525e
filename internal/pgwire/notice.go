package pgwire

import "bytes"

// A Notice is the body of an ErrorResponse or a NoticeResponse. Empty fields are not on the wire. The letters are those
// of the manual's "Error and Notice Message Fields".
type Notice struct {
	Severity         string // 'V', or 'S' where the server does not send it: ERROR, FATAL, PANIC, WARNING, NOTICE, DEBUG, INFO or LOG
	Code             string // 'C': SQLSTATE, 5 characters
	Message          string // 'M'
	Detail           string // 'D'
	Hint             string // 'H'
	Position         string // 'P': in characters, from 1
	InternalPosition string // 'p'
	InternalQuery    string // 'q'
	Where            string // 'W'
	Schema           string // 's'
	Table            string // 't'
	Column           string // 'c'
	DataType         string // 'd'
	Constraint       string // 'n'
	File             string // 'F'
	Line             string // 'L'
	Routine          string // 'R'
}

// Fatal reports whether the session ends with this.
func (n *Notice) Fatal() bool { return n.Severity == "FATAL" || n.Severity == "PANIC" }

// AppendError appends an ErrorResponse. The severity is ERROR and the code XX000 (internal_error) unless given.
func AppendError(dst []byte, n Notice) []byte {
	if n.Severity == "" {
		n.Severity = "ERROR"
	}
	if n.Code == "" {
		n.Code = "XX000"
	}
	return appendNotice(dst, ErrorResponse, &n)
}

// AppendNotice appends a NoticeResponse. The severity is NOTICE and the code 00000 unless given.
func AppendNotice(dst []byte, n Notice) []byte {
	if n.Severity == "" {
		n.Severity = "NOTICE"
	}
	if n.Code == "" {
		n.Code = "00000"
	}
	return appendNotice(dst, NoticeResponse, &n)
}

// noticeFields are the letters in the order of the wire. 'M' is always there: clients count on it.
const noticeFields = "VCMDHPpqWstcdnFLR"

func appendNotice(dst []byte, typ BackendType, n *Notice) []byte {
	start := len(dst)
	dst = cstring(append(open(dst, typ), 'S'), n.Severity)
	for i := range len(noticeFields) {
		if text := *n.field(noticeFields[i]); text != "" || noticeFields[i] == 'M' {
			dst = cstring(append(dst, noticeFields[i]), text)
		}
	}
	return seal(append(dst, 0), start)
}

// ParseNotice reads the body of an ErrorResponse or a NoticeResponse. Fields may be missing, the SQLSTATE too, in any
// order, or unknown. The texts are copies.
func ParseNotice(body []byte) (Notice, error) {
	var n Notice
	var localized string
	c := cursor{b: body}
	for letter := c.byte(); letter != 0; letter = c.byte() {
		text := c.string()
		switch p := n.field(letter); {
		case letter == 'S':
			localized = string(text)
		case p != nil:
			*p = string(text)
		}
	}
	if !c.done() {
		return Notice{}, malformed("ErrorResponse")
	}
	if n.Severity == "" {
		n.Severity = localized
	}
	return n, nil
}

// NoticeField returns one field of the body of an ErrorResponse or a NoticeResponse, such as its SQLSTATE ('C'): a part
// of body, nil if there is none. It reads no further than it must.
func NoticeField(body []byte, letter byte) []byte {
	for len(body) > 0 && body[0] != 0 {
		end := bytes.IndexByte(body, 0)
		if end < 0 {
			return nil
		}
		if body[0] == letter {
			return body[1:end:end]
		}
		body = body[end+1:]
	}
	return nil
}

// field returns the place of a field, nil if the letter is not known. 'S' has none of its own.
func (n *Notice) field(letter byte) *string {
	switch letter {
	case 'V':
		return &n.Severity
	case 'C':
		return &n.Code
	case 'M':
		return &n.Message
	case 'D':
		return &n.Detail
	case 'H':
		return &n.Hint
	case 'P':
		return &n.Position
	case 'p':
		return &n.InternalPosition
	case 'q':
		return &n.InternalQuery
	case 'W':
		return &n.Where
	case 's':
		return &n.Schema
	case 't':
		return &n.Table
	case 'c':
		return &n.Column
	case 'd':
		return &n.DataType
	case 'n':
		return &n.Constraint
	case 'F':
		return &n.File
	case 'L':
		return &n.Line
	case 'R':
		return &n.Routine
	}
	return nil
}
