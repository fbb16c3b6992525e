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
	opTag                    // made only: CommandComplete "DEALLOCATE"
)

// entry flags.
const (
	hidden uint8 = 1 << iota // the answer is swallowed
	made                     // the answer is ours
	poison                   // the answer is an error, which is replaced by the client's own
)

// entry is one expected answer.
type entry struct {
	op    op
	flags uint8
	stmt  *Statement // of opParse and opBind: the statement it is about, nil for the unnamed one
	name  string     // of opParse and opClose: the name that the client gave the statement
	note  Note       // of opQuery and opExecute
}

// Note is what an observer wants to be told again when a statement is done.
type Note uint64

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

func (q *queue) push(e entry) {
	if q.size == len(q.ring) {
		q.grow()
	}
	*q.at(q.size) = e
	q.size++
}

func (q *queue) pop() {
	q.ring[q.head] = entry{}
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.size--
}

func (q *queue) grow() {
	ring := make([]entry, max(8, 2*len(q.ring)))
	for i := range q.size {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

// keep removes entries from index i on of which drop says so, up to the first of which stop says so, and reports whether
// there was such a one.
func (q *queue) filter(i int, stop, drop func(*entry) bool) bool {
	to, stopped := i, false
	for ; i < q.size; i++ {
		e := q.at(i)
		stopped = stopped || stop(e)
		if !stopped && drop(e) {
			continue
		}
		if to != i {
			*q.at(to) = *e
		}
		to++
	}
	for j := to; j < q.size; j++ {
		*q.at(j) = entry{}
	}
	q.size = to
	return stopped
}
