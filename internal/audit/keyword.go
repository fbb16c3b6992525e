package audit

// maxKeyword is the length of the longest keyword that matters, in bytes.
const maxKeyword = 12

// keyword appends a word in lower case, or nothing if it is longer than any keyword.
func keyword(dst, text []byte) []byte {
	if len(text) > maxKeyword {
		return dst
	}
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// classOf returns the class of statements that begin with a keyword in lower case (PostgreSQL manual, part "SQL
// Commands").
func classOf(w []byte) Class {
	switch string(w) {
	case "select", "with", "values", "table", "declare":
		return Select
	case "insert":
		return Insert
	case "update":
		return Update
	case "delete", "truncate":
		return Delete
	case "merge":
		return Merge
	case "copy":
		return Copy
	case "begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release":
		return Transaction
	case "set", "reset", "discard", "deallocate":
		return Set
	case "show":
		return Show
	case "explain":
		return Explain
	case "prepare":
		return Prepare
	case "execute":
		return Execute
	case "fetch", "move", "close":
		return Cursor
	case "listen", "notify", "unlisten":
		return Notify
	case "lock":
		return Lock
	}
	return rareClassOf(w)
}

func rareClassOf(w []byte) Class {
	switch string(w) {
	case "call", "do":
		return Call
	case "create", "alter", "drop", "comment", "security", "import":
		return DDL
	case "grant", "revoke", "reassign":
		return DCL
	case "vacuum", "analyze", "analyse", "reindex", "cluster", "checkpoint", "refresh", "load":
		return Maintenance
	}
	return Other
}
