package pgwire

import (
	"strings"
	"testing"
)

// pipeline returns a buffer as a client's read fills it: 50 times Bind, Execute, Sync.
func pipeline() []byte {
	var b []byte
	for range 50 {
		b = AppendBind(b, "", "statement_1", nil, [][]byte{[]byte("42"), nil, []byte("a text of some length")}, nil)
		b = AppendSync(AppendExecute(b, "", 0))
	}
	return b
}

func scan(b []byte) (messages int, err error) {
	for len(b) >= HeaderSize {
		_, size, err := Header(b)
		if err != nil {
			return messages, err
		}
		b = b[size:]
		messages++
	}
	return messages, nil
}

func BenchmarkHeaderScan(b *testing.B) {
	buffer := pipeline()
	b.SetBytes(int64(len(buffer)))
	b.ReportAllocs()
	messages := 0
	for b.Loop() {
		n, err := scan(buffer)
		if err != nil {
			b.Fatal(err)
		}
		messages += n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
}

// An operation is one that must not allocate.
type operation struct {
	name string
	run  func()
}

func operations() []operation {
	dst := make([]byte, 0, 1<<16)
	query := []byte("SELECT abalance FROM pgbench_accounts WHERE aid = $1")
	name := []byte("statement_1")
	values := [][]byte{[]byte("42"), nil, []byte("a text of some length")}
	oids := []uint32{23, 0, 25}
	bind := AppendBind(nil, "", "statement_1", nil, values, nil)[HeaderSize:]
	parse := AppendParse(nil, "statement_1", query, oids)[HeaderSize:]
	statement, _ := ParseParse(parse)
	_, _, rest, _ := ParseBind(bind)
	execute := AppendExecute(nil, "", 0)[HeaderSize:]
	describe := AppendDescribe(nil, TargetStatement, "statement_1")[HeaderSize:]
	status := AppendParameterStatus(nil, "TimeZone", "Europe/Berlin")[HeaderSize:]
	failure := AppendError(nil, fullNotice())[HeaderSize:]
	row := AppendDataRow(nil, values)[HeaderSize:]
	into := make([][]byte, 0, 8)
	buffer := pipeline()
	return []operation{
		{"HeaderScan", func() { _, _ = scan(buffer) }},
		{"AppendParse", func() { dst = AppendParse(dst[:0], "statement_1", query, oids) }},
		{"AppendStatement", func() { dst = AppendStatement(dst[:0], name, statement) }},
		{"AppendBind", func() { dst = AppendBind(dst[:0], "", name, nil, values, nil) }},
		{"AppendBindRest", func() { dst = AppendBindRest(dst[:0], "", name, rest) }},
		{"AppendDescribe", func() { dst = AppendDescribe(dst[:0], 'S', name) }},
		{"AppendSync", func() { dst = AppendSync(dst[:0]) }},
		{"AppendReadyForQuery", func() { dst = AppendReadyForQuery(dst[:0], Idle) }},
		{"AppendError", func() { dst = AppendError(dst[:0], Notice{Code: "53300", Message: "no room"}) }},
		{"AppendDataRow", func() { dst = AppendDataRow(dst[:0], values) }},
		{"ParseParse", func() { _, _ = ParseParse(parse) }},
		{"ParseBind", func() { _, _, _, _ = ParseBind(bind) }},
		{"ParseExecute", func() { _, _, _ = ParseExecute(execute) }},
		{"ParseTarget", func() { _, _, _ = ParseTarget(describe) }},
		{"ParseReady", func() { _, _ = ParseReady([]byte{'I'}) }},
		{"ParseParameterStatus", func() { _, _, _ = ParseParameterStatus(status) }},
		{"ParseCommandTag", func() { _ = ParseCommandTag(describe) }},
		{"NoticeField", func() { _ = NoticeField(failure, 'C') }},
		{"ParseDataRow", func() { into, _ = ParseDataRow(row, into[:0]) }},
	}
}

// Not parallel: it counts allocations.
func TestTheHotPathAllocatesNothing(t *testing.T) {
	for _, o := range operations() {
		if n := testing.AllocsPerRun(100, o.run); n != 0 {
			t.Errorf("%s allocates %v times", o.name, n)
		}
	}
}

func BenchmarkMessages(b *testing.B) {
	for _, o := range operations() {
		b.Run(o.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.run()
			}
		})
	}
}

func BenchmarkReader(b *testing.B) {
	stream := string(pipeline())
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(strings.NewReader(stream), 1<<20)
		for {
			if _, _, err := r.ReadMessage(); err != nil {
				break
			}
		}
	}
}
