package relay

// Words are what the text of a statement may do to a session, judged by its words alone.
type Words uint32

// What makes state that stays with the session, and what lets go of it.
const (
	Listen      Words = 1 << iota // LISTEN
	Temp                          // CREATE TEMPORARY, SELECT INTO TEMPORARY, pg_temp
	Advisory                      // pg_advisory_lock and its kin that last as long as the session
	Hold                          // a cursor WITH HOLD
	Prepare                       // PREPARE in SQL
	Load                          // LOAD
	SetConfig                     // set_config that is not for the transaction
	Set                           // SET
	UnlistenAll                   // UNLISTEN *
	UnlockAll                     // pg_advisory_unlock_all
	CloseAll                      // CLOSE ALL
	Reset                         // RESET
	Discard                       // DISCARD
	Deallocate                    // DEALLOCATE
	resetAll                      // RESET ALL by itself
	letting                       // what lets go of one thing: UNLISTEN, CLOSE, DROP, pg_advisory_unlock

	configures Words = 1 << 28 // set_config of settings that the server reports
	local      Words = 1 << 29 // SET LOCAL
	several    Words = 1 << 31 // more than one statement
	dropped    Words = 1 << 30 // ON COMMIT DROP: what Temp found goes with the transaction
)

// Pins are the words that pin a client to its server.
const Pins = Listen | Temp | Advisory | Hold | Prepare | Load | SetConfig

// barriers are the words after which the next message is held back until it is known what they did.
const barriers = Discard | Deallocate

// lets are the words that let go of pins.
const lets = UnlistenAll | UnlockAll | CloseAll | resetAll

// transactional are the pins that go when the transaction that made them is rolled back.
const transactional = Listen | Temp | Hold | SetConfig | Set

// letGo returns the pins that words let go of.
func letGo(w Words) (pins Words) {
	if w&UnlistenAll != 0 {
		pins |= Listen
	}
	if w&UnlockAll != 0 {
		pins |= Advisory
	}
	if w&CloseAll != 0 {
		pins |= Hold
	}
	return pins
}

// undone returns the words whose effect is undone by what makes pins after them.
func undone(pins Words) (w Words) {
	if pins&Listen != 0 {
		w |= UnlistenAll
	}
	if pins&Advisory != 0 {
		w |= UnlockAll
	}
	if pins&Hold != 0 {
		w |= CloseAll
	}
	if pins&(SetConfig|Set) != 0 {
		w |= resetAll
	}
	return w
}

// names of pins, for people.
var pinNames = [...]struct { //nolint:gochecknoglobals // a table
	word Words
	name string
}{
	{Listen, "listen"},
	{Temp, "temporary table"},
	{Advisory, "advisory lock"},
	{Hold, "cursor with hold"},
	{Prepare, "prepare"},
	{Load, "load"},
	{SetConfig, "set_config"},
	{Set, "set"},
}

// PinNames returns the reasons for which a client is pinned.
func (w Words) PinNames() []string {
	var names []string
	for _, p := range pinNames {
		if w&p.word != 0 {
			names = append(names, p.name)
		}
	}
	return names
}

// step is what the word before the present one was, as far as it matters.
type step uint8

const (
	afterNothing step = iota
	afterOther
	afterCreate // CREATE, INTO, LOCAL, GLOBAL, REPLACE: TEMPORARY may follow
	afterInsert // INSERT, MERGE: INTO means nothing after it
	afterCommit // COMMIT: DROP may follow
	afterWith
	afterUnlisten
	afterClose
	afterPrepare
	afterSet    // SET as the first word: what is not for the transaction lasts
	afterConfig // set_config: the next word is TRUE or it lasts

	lookedFor = afterPrepare // from here on every word counts
)

// lengths tells for each first letter how long the words are that laterWord knows: a word of n letters has bit n.
var lengths = measure( //nolint:gochecknoglobals // a table
	"create", "local", "global", "replace", "insert", "merge", "into", "with", "hold", "all", "temp", "temporary", "pg_temp", "commit", "drop",
	"pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared", "pg_advisory_unlock_all", "set_config",
	"pg_advisory_unlock", "pg_advisory_unlock_shared",
)

func measure(words ...string) (table [256]uint32) {
	for _, w := range words {
		table[w[0]] |= 1 << len(w)
	}
	return table
}

// word judges a word in lower case, knowing what stood before it in its statement. A quoted name is a word that nobody knows.
func (s step) word(w []byte, first bool) (Words, step) {
	switch s {
	case afterPrepare:
		if string(w) != "transaction" {
			return Prepare, afterOther
		}
	case afterConfig:
		if string(w) != "true" {
			return SetConfig, afterOther
		}
	case afterSet:
		switch string(w) {
		case "local":
			return local, afterOther
		case "transaction", "constraints":
			return 0, afterOther
		}
		return Set, afterOther
	default:
	}
	if first {
		if found, next := firstWord(w); next != afterNothing {
			return found, next
		}
	}
	return s.laterWord(w)
}

// end judges the end of a statement, knowing its last word.
func (s step) end() Words {
	switch s {
	case afterConfig:
		return SetConfig
	case afterSet:
		return Set
	default:
		return 0
	}
}

func firstWord(w []byte) (Words, step) {
	switch string(w) {
	case "listen":
		return Listen, afterOther
	case "unlisten":
		return letting, afterUnlisten
	case "load":
		return Load, afterOther
	case "prepare":
		return 0, afterPrepare
	case "set":
		return 0, afterSet
	case "reset":
		return Reset, afterOther
	case "discard":
		return Discard, afterOther
	case "deallocate":
		return Deallocate, afterOther
	case "close":
		return letting, afterClose
	case "drop":
		return letting, afterOther
	}
	return 0, afterNothing
}

func (s step) laterWord(w []byte) (Words, step) {
	switch string(w) {
	case "create", "local", "global", "replace":
		return 0, afterCreate
	case "insert", "merge":
		return 0, afterInsert
	case "into":
		if s != afterInsert {
			return 0, afterCreate
		}
	case "with":
		return 0, afterWith
	case "hold":
		if s == afterWith {
			return Hold, afterOther
		}
	case "all":
		if s == afterClose {
			return CloseAll, afterOther
		}
	case "temp", "temporary":
		if s == afterCreate {
			return Temp, afterOther
		}
	case "pg_temp":
		return Temp, afterOther
	case "commit":
		return 0, afterCommit
	case "drop":
		if s == afterCommit {
			return dropped, afterOther
		}
	case "pg_advisory_lock", "pg_advisory_lock_shared", "pg_try_advisory_lock", "pg_try_advisory_lock_shared":
		return Advisory, afterOther
	case "pg_advisory_unlock_all":
		return UnlockAll, afterOther
	case "pg_advisory_unlock", "pg_advisory_unlock_shared":
		return letting, afterOther
	case "set_config":
		return 0, afterConfig
	}
	return 0, afterOther
}
