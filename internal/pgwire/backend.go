package pgwire

// AppendAuthOK appends AuthenticationOk.
func AppendAuthOK(dst []byte) []byte { return appendAuth(dst, AuthOK, nil) }

// AppendAuthCleartext appends AuthenticationCleartextPassword.
func AppendAuthCleartext(dst []byte) []byte { return appendAuth(dst, AuthCleartext, nil) }

// AppendAuthSASL appends AuthenticationSASL with the mechanisms in order of preference.
func AppendAuthSASL(dst []byte, mechanisms ...string) []byte {
	start := len(dst)
	dst = append32(open(dst, Authentication), uint32(AuthSASL))
	for _, m := range mechanisms {
		if m != "" && m[0] != 0 { // which would end the list
			dst = cstring(dst, m)
		}
	}
	return seal(append(dst, 0), start)
}

// AppendAuthSASLContinue appends AuthenticationSASLContinue.
func AppendAuthSASLContinue(dst, data []byte) []byte { return appendAuth(dst, AuthSASLContinue, data) }

// AppendAuthSASLFinal appends AuthenticationSASLFinal. AppendAuthOK has to follow.
func AppendAuthSASLFinal(dst, data []byte) []byte { return appendAuth(dst, AuthSASLFinal, data) }

func appendAuth(dst []byte, kind AuthKind, data []byte) []byte {
	start := len(dst)
	return seal(append(append32(open(dst, Authentication), uint32(kind)), data...), start)
}

// AppendNegotiate appends NegotiateProtocolVersion: the newest minor version of protocol 3 that is spoken here, and the
// names of the options (_pq_.…) that are not known here. The wire carries the whole version, as PostgreSQL sends it,
// though the manual speaks of the minor alone.
func AppendNegotiate(dst []byte, minor uint32, unknown []string) []byte {
	start := len(dst)
	dst = append32(open(dst, NegotiateProtocolVersion), uint32(Version30)|minor)
	dst = append32(dst, uint32(len(unknown)))
	for _, name := range unknown {
		dst = cstring(dst, name)
	}
	return seal(dst, start)
}

// AppendBackendKeyData appends what a cancel request has to tell. Protocol 3.0 knows keys of 4 bytes only; 3.2 knows
// keys of 4 to 256 bytes.
func AppendBackendKeyData(dst []byte, pid uint32, key []byte) []byte {
	start := len(dst)
	return seal(append(append32(open(dst, BackendKeyData), pid), key...), start)
}

// AppendParameterStatus appends the report of a setting.
func AppendParameterStatus[N, V text](dst []byte, name N, value V) []byte {
	start := len(dst)
	return seal(cstring(cstring(open(dst, ParameterStatus), name), value), start)
}

// AppendReadyForQuery appends ReadyForQuery with the state Idle, InTransaction or InFailed.
func AppendReadyForQuery(dst []byte, status byte) []byte {
	return append(dst, byte(ReadyForQuery), 0, 0, 0, 5, status)
}

// AppendCommandComplete appends CommandComplete with its tag, such as "SELECT 3".
func AppendCommandComplete[S text](dst []byte, tag S) []byte {
	return appendText(dst, CommandComplete, tag)
}

// AppendParameterDescription appends the types of a statement's parameters.
func AppendParameterDescription(dst []byte, oids []uint32) []byte {
	start := len(dst)
	dst = append16(open(dst, ParameterDescription), len(oids))
	for _, oid := range oids {
		dst = append32(dst, oid)
	}
	return seal(dst, start)
}

// AppendNotification appends what LISTEN brings.
func AppendNotification[C, P text](dst []byte, pid uint32, channel C, payload P) []byte {
	start := len(dst)
	return seal(cstring(cstring(append32(open(dst, NotificationResponse), pid), channel), payload), start)
}
