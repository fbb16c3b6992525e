package pgwire

// AppendQuery appends a simple query.
func AppendQuery[S text](dst []byte, sql S) []byte { return appendText(dst, Query, sql) }

// AppendParse appends a Parse. An OID of 0, or a missing one, leaves the type of a parameter to the server.
func AppendParse[N, Q text](dst []byte, name N, query Q, oids []uint32) []byte {
	start := len(dst)
	dst = cstring(cstring(open(dst, Parse), name), query)
	dst = append16(dst, len(oids))
	for _, oid := range oids {
		dst = append32(dst, oid)
	}
	return seal(dst, start)
}

// AppendStatement appends a Parse of a statement that [ParseParse] read, under another name.
func AppendStatement[N text](dst []byte, name N, s Statement) []byte {
	start := len(dst)
	dst = cstring(cstring(open(dst, Parse), name), s.Query)
	dst = append16(dst, len(s.OIDs)/4)
	return seal(append(dst, s.OIDs...), start)
}

// AppendBind appends a Bind. Formats are 0 for text and 1 for binary: none for all text, one for all values, or one for
// each. A nil value is NULL.
func AppendBind[P, S text](dst []byte, portal P, statement S, formats []int16, values [][]byte, resultFormats []int16) []byte {
	start := len(dst)
	dst = cstring(cstring(open(dst, Bind), portal), statement)
	dst = appendFormats(dst, formats)
	dst = append16(dst, len(values))
	for _, v := range values {
		dst = appendValue(dst, v)
	}
	return seal(appendFormats(dst, resultFormats), start)
}

// AppendBindRest appends a Bind that [ParseBind] read, of another portal or statement.
func AppendBindRest[P, S text](dst []byte, portal P, statement S, rest []byte) []byte {
	start := len(dst)
	dst = cstring(cstring(open(dst, Bind), portal), statement)
	return seal(append(dst, rest...), start)
}

func appendFormats(dst []byte, formats []int16) []byte {
	dst = append16(dst, len(formats))
	for _, f := range formats {
		dst = append16(dst, int(f))
	}
	return dst
}

// AppendDescribe appends a Describe of a statement ('S') or a portal ('P').
func AppendDescribe[N text](dst []byte, kind byte, name N) []byte {
	return appendTarget(dst, Describe, kind, name)
}

// AppendClose appends a Close of a statement ('S') or a portal ('P').
func AppendClose[N text](dst []byte, kind byte, name N) []byte {
	return appendTarget(dst, Close, kind, name)
}

func appendTarget[N text](dst []byte, typ FrontendType, kind byte, name N) []byte {
	start := len(dst)
	return seal(cstring(append(open(dst, typ), kind), name), start)
}

// AppendExecute appends an Execute; maxRows 0 is all rows.
func AppendExecute[P text](dst []byte, portal P, maxRows uint32) []byte {
	start := len(dst)
	return seal(append32(cstring(open(dst, Execute), portal), maxRows), start)
}

// AppendSync appends a Sync.
func AppendSync(dst []byte) []byte { return AppendBare(dst, Sync) }

// AppendFlush appends a Flush.
func AppendFlush(dst []byte) []byte { return AppendBare(dst, Flush) }

// AppendTerminate appends a Terminate.
func AppendTerminate(dst []byte) []byte { return AppendBare(dst, Terminate) }

// AppendCopyFail appends a CopyFail with its reason.
func AppendCopyFail[S text](dst []byte, reason S) []byte { return appendText(dst, CopyFail, reason) }

// AppendCopyData appends a CopyData, which is the same from both sides.
func AppendCopyData(dst, data []byte) []byte { return appendRaw(dst, FrontendCopyData, data) }

// AppendPassword appends the answer to a request for a password. A password that holds a NUL is cut there.
func AppendPassword[S text](dst []byte, password S) []byte {
	return appendText(dst, Password, password)
}

// AppendSASLInitial appends the first answer of a SASL exchange. Nil data is no data, which differs from empty data.
func AppendSASLInitial(dst []byte, mechanism string, data []byte) []byte {
	start := len(dst)
	return seal(appendValue(cstring(open(dst, Password), mechanism), data), start)
}

// AppendSASLResponse appends a later answer of a SASL exchange.
func AppendSASLResponse(dst, data []byte) []byte { return appendRaw(dst, Password, data) }
