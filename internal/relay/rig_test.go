package relay

import (
	"strings"
	"testing"

	"holdfast/internal/pgwire"
)

// rig is a client and servers without connections: what either side says is given to the relay, and what comes out is
// compared with what should.
type rig struct {
	testing.TB
	registry *Registry
	table    *ParamTable
	c        *Client
	s        *Server
	o        Out
	kept     []byte // of the client, not taken yet
}

// rigParams are what servers of a rig report.
func rigParams() []pgwire.Param {
	return []pgwire.Param{
		{Name: "TimeZone", Value: "UTC"},
		{Name: "DateStyle", Value: "ISO, MDY"},
		{Name: "application_name", Value: ""},
		{Name: "client_encoding", Value: "UTF8"},
		{Name: "standard_conforming_strings", Value: "on"},
		{Name: "server_version", Value: "15.1"},
	}
}

func newRig(t testing.TB, mode Mode) *rig {
	t.Helper()
	r := &rig{TB: t, registry: NewRegistry(), table: NewParamTable()}
	r.c = r.client(mode)
	r.s = r.server(2)
	r.c.Attach(r.s)
	r.local("")
	return r
}

func (r *rig) client(mode Mode) *Client {
	return NewClient(ClientConfig{Mode: mode, Registry: r.registry, Params: r.table, Values: rigParams()})
}

func (r *rig) server(statements int) *Server {
	return NewServer(ServerConfig{Registry: r.registry, Params: r.table, Statements: statements}, rigParams())
}

// say gives the relay what the client says, and expects what the server gets.
func (r *rig) say(want string, messages ...[]byte) {
	r.Helper()
	r.kept = append(r.kept, join(messages...)...)
	n, err := r.c.Forward(r.kept, &r.o)
	if err != nil {
		r.Fatalf("Forward: %v", err)
	}
	r.kept = r.kept[n:]
	if got := frontend(r.o.Bytes()); got != want {
		r.Fatalf("the server gets %q, want %q", got, want)
	}
}

// answer gives the relay what the server says, and expects what the client gets.
func (r *rig) answer(want string, messages ...[]byte) {
	r.Helper()
	in := join(messages...)
	n, err := r.c.Backward(in, &r.o)
	if err != nil || n != len(in) {
		r.Fatalf("Backward: %d of %d bytes, %v", n, len(in), err)
	}
	if got := backend(r.o.Bytes()); got != want {
		r.Fatalf("the client gets %q, want %q", got, want)
	}
}

// local expects what the relay itself tells the client.
func (r *rig) local(want string) {
	r.Helper()
	if got := backend(r.c.Local()); got != want {
		r.Fatalf("the client is told %q, want %q", got, want)
	}
}

// free expects that the server can be given back, or not.
func (r *rig) free(want bool) {
	r.Helper()
	if got := r.c.Free(); got != want {
		r.Fatalf("free is %t, want %t", got, want)
	}
}

func isOutOfStep(err error) bool {
	return err != nil && strings.Contains(err.Error(), ErrOutOfStep.Error())
}

// frontend shows a client's messages: letters, with names and texts where they matter.
func frontend(b []byte) string {
	var out []string
	for len(b) >= pgwire.HeaderSize {
		typ, size, _ := pgwire.Header(b)
		if size == 0 || size > len(b) {
			break
		}
		out = append(out, showFrontend(pgwire.FrontendType(typ), b[pgwire.HeaderSize:size]))
		b = b[size:]
	}
	if len(b) > 0 {
		out = append(out, "…")
	}
	return strings.Join(out, " ")
}

func showFrontend(typ pgwire.FrontendType, body []byte) string {
	switch typ {
	case pgwire.Query:
		return "Q(" + strings.TrimSuffix(string(body), "\x00") + ")"
	case pgwire.Parse:
		p, _ := pgwire.ParseParse(body)
		return "P(" + string(p.Name) + ":" + string(p.Query) + ")"
	case pgwire.Bind:
		portal, name, _, _ := pgwire.ParseBind(body)
		return "B(" + string(portal) + ":" + string(name) + ")"
	case pgwire.Describe, pgwire.Close:
		kind, name, _ := pgwire.ParseTarget(body)
		return string(rune(typ)) + "(" + string(rune(kind)) + string(name) + ")"
	}
	return string(rune(typ))
}

// backend shows a server's messages: letters, with errors' codes and texts.
func backend(b []byte) string {
	var out []string
	for len(b) >= pgwire.HeaderSize {
		typ, size, _ := pgwire.Header(b)
		if size == 0 || size > len(b) {
			break
		}
		text, body := string(rune(typ)), b[pgwire.HeaderSize:size]
		switch pgwire.BackendType(typ) {
		case pgwire.ErrorResponse:
			text += "(" + string(pgwire.NoticeField(body, 'C')) + " " + string(pgwire.NoticeField(body, 'M')) + ")"
		case pgwire.ReadyForQuery:
			text += string(body)
		case pgwire.ParameterStatus:
			text += "(" + strings.TrimSuffix(strings.Replace(string(body), "\x00", "=", 1), "\x00") + ")"
		}
		out, b = append(out, text), b[size:]
	}
	if len(b) > 0 {
		out = append(out, "…")
	}
	return strings.Join(out, " ")
}

// Short names for messages of a server.
func sReady(status byte) []byte         { return pgwire.AppendReadyForQuery(nil, status) }
func sBare(t pgwire.BackendType) []byte { return pgwire.AppendBare(nil, t) }
func sTag(tag string) []byte            { return pgwire.AppendCommandComplete(nil, tag) }
func sRow(v string) []byte              { return pgwire.AppendDataRow(nil, [][]byte{[]byte(v)}) }
func sRows() []byte                     { return pgwire.AppendRowDescription(nil, []pgwire.Field{pgwire.TextField("a")}) }

func sError(code, message string) []byte {
	return pgwire.AppendError(nil, pgwire.Notice{Code: code, Message: message})
}
func sStatus(name, value string) []byte { return pgwire.AppendParameterStatus(nil, name, value) }
func sCopyIn() []byte                   { return []byte{'G', 0, 0, 0, 7, 0, 0, 0} }

func sParsed() []byte { return sBare(pgwire.ParseComplete) }
func sBound() []byte  { return sBare(pgwire.BindComplete) }
func sClosed() []byte { return sBare(pgwire.CloseComplete) }
