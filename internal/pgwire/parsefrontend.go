package pgwire

// A Statement is what a Parse carries.
type Statement struct {
	Name, Query []byte
	OIDs        []byte // types of the parameters as on the wire, 4 bytes each
}

// ParseParse reads the body of a Parse.
func ParseParse(body []byte) (Statement, error) {
	c := cursor{b: body}
	s := Statement{Name: c.string(), Query: c.string()}
	s.OIDs = c.take(4 * int(c.uint16()))
	if !c.done() {
		return Statement{}, malformed("Parse")
	}
	return s, nil
}

// ParseBind reads the names at the front of a Bind. Rest is what follows them: see [ParseBindRest].
func ParseBind(body []byte) (portal, statement, rest []byte, err error) {
	c := cursor{b: body}
	portal, statement = c.string(), c.string()
	if c.bad {
		return nil, nil, nil, malformed("Bind")
	}
	return portal, statement, c.b, nil
}

// Values are what a Bind hands to a statement.
type Values struct {
	Formats       []int16  // none: all text; one: for all; else one for each value
	Values        [][]byte // parts of the body; nil is NULL
	ResultFormats []int16  // none: all text; one: for all; else one for each column
}

// ParseBindRest reads the part of a Bind that follows the names.
func ParseBindRest(rest []byte) (Values, error) {
	c := cursor{b: rest}
	v := Values{Formats: c.formats()}
	n := int(c.uint16())
	v.Values = c.values(n, make([][]byte, 0, min(n, len(c.b)/4)))
	v.ResultFormats = c.formats()
	if !c.done() || len(v.Formats) > 1 && len(v.Formats) != n {
		return Values{}, malformed("Bind")
	}
	return v, nil
}

// ParseTarget reads the body of a Describe or a Close: TargetStatement or TargetPortal, and the name.
func ParseTarget(body []byte) (kind byte, name []byte, err error) {
	c := cursor{b: body}
	kind, name = c.byte(), c.string()
	if !c.done() || kind != TargetStatement && kind != TargetPortal {
		return 0, nil, malformed("Describe or Close")
	}
	return kind, name, nil
}

// ParseExecute reads the body of an Execute. PostgreSQL takes maxRows for signed: all rows if it is not above 0.
func ParseExecute(body []byte) (portal []byte, maxRows uint32, err error) {
	c := cursor{b: body}
	portal, maxRows = c.string(), c.uint32()
	if !c.done() {
		return nil, 0, malformed("Execute")
	}
	return portal, maxRows, nil
}

// ParseQuery reads the body of a Query.
func ParseQuery(body []byte) ([]byte, error) { return onlyString(body, "Query") }

// ParsePassword reads the body of a PasswordMessage, the answer to AuthenticationCleartextPassword.
func ParsePassword(body []byte) ([]byte, error) { return onlyString(body, "Password") }

// ParseCopyFail reads the body of a CopyFail.
func ParseCopyFail(body []byte) ([]byte, error) { return onlyString(body, "CopyFail") }

func onlyString(body []byte, what string) ([]byte, error) {
	c := cursor{b: body}
	s := c.string()
	if !c.done() {
		return nil, malformed(what)
	}
	return s, nil
}

// ParseSASLInitial reads the body of a SASLInitialResponse. Nil data means that there is none. A later SASLResponse is
// its data and nothing else.
func ParseSASLInitial(body []byte) (mechanism string, data []byte, err error) {
	c := cursor{b: body}
	name := c.string()
	data = c.value()
	if !c.done() {
		return "", nil, malformed("SASLInitialResponse")
	}
	return string(name), data, nil
}
