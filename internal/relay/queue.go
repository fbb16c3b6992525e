package relay

// op is what an expected answer answers.
type op uint8

const (
	opQuery    op = iota + 1 // anything, up to and with ReadyForQuery
	opFunction               // FunctionCallResponse, then ReadyForQuery
	opSync                   // ReadyForQuery
	opParse                  // ParseComplete
	opBind                   // BindComplete
	opDescribe               // ParameterDescription first for a statement, then RowDescription or NoData
	opExecute                // rows, then CommandComplete, EmptyQueryResponse or PortalSuspended
	opClose                  // CloseComplete
	opCopyEnd                // nothing: the client ended its COPY data here
)

// flags of an entry.
type flags uint16

const (
	hidden  flags = 1 << iota // the answer is swallowed
	made                      // the answer is ours
	poison                    // the answer can only be an error
	begun                     // of opQuery and opFunction: something came that ReadyForQuery may follow
	touches                   // it changes the unnamed statement
	evicts                    // of opClose: it takes a statement from the server, to make room
	changed                   // of opSync: before it named statements were prepared or closed
	touched                   // of opSync: before it the unnamed statement was changed
	tried                     // of opBind and opDescribe: it begins a trial
	learns                    // of opDescribe: the answer tells the statement's result
	aged                      // of opParse: its error says that the statement's result has changed
)

// entry is one expected answer.
type entry struct {
	op    op
	flags flags
	words Words       // of opQuery and opExecute: what it does to the session
	stmt  *Statement  // the statement it is about; nil for the unnamed one and for portals
	set   *Assignment // of opQuery and opExecute: the setting that it makes if it succeeds
	name  string      // the client's name of the statement that it is about, or that a DEALLOCATE takes away
	note  Note        // of opQuery, opBind and opExecute

	serial uint64 // of what touches the unnamed statement: which one there is after it; of what is tried or learns: of the newest Parse then; of others: see own
}

// maxRing is how many entries an empty queue has room for at most.
const maxRing = 256

// queue is a ring of entries.
type queue struct {
	ring       []entry // its length is a power of two
	head, size int
}

func (q *queue) empty() bool { return q.size == 0 }

// first returns the oldest entry, nil when there is none.
func (q *queue) first() *entry {
	if q.size == 0 {
		return nil
	}
	return &q.ring[q.head]
}

func (q *queue) at(i int) *entry { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

// push adds an entry, to be completed by the caller before the next push.
func (q *queue) push(o op, f flags) *entry {
	if q.size == len(q.ring) {
		q.grow()
	}
	e := q.at(q.size) // it is empty
	q.size++
	e.op, e.flags = o, f
	return e
}

// last returns the entry that was pushed last, nil when there is none any more.
func (q *queue) last() *entry {
	if q.size == 0 {
		return nil
	}
	return q.at(q.size - 1)
}

func (q *queue) pop() {
	q.ring[q.head] = entry{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.size--
	if q.size == 0 && len(q.ring) > maxRing {
		*q = queue{}
	}
}

// drop removes the n oldest entries.
func (q *queue) drop(n int) {
	for range n {
		q.pop()
	}
}

func (q *queue) grow() {
	ring := make([]entry, max(8, 2*len(q.ring)))
	for i := range q.size {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

// find returns the place of the first entry from i on that has one of the two kinds, the size of the queue if there is none.
func (q *queue) find(i int, a, b op) int {
	for ; i < q.size; i++ {
		if e := q.at(i); e.op == a || e.op == b {
			break
		}
	}
	return min(i, q.size)
}

// remove takes out the entry at a place.
func (q *queue) remove(i int) {
	for ; i+1 < q.size; i++ {
		*q.at(i) = *q.at(i + 1)
	}
	*q.at(i) = entry{}
	q.size--
}
