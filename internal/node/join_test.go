package node

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// S4-04: a node joins with one token.
func TestAMachineFetchesTheConfigurationWithAToken(t *testing.T) {
	t.Parallel()
	db := database(t)
	m := newMachine(t, db)
	tok := m.invite(1, time.Hour)
	f := joiner(t, tok)
	names, err := f.Names(t.Context())
	if err != nil || len(names.Files) != 2 || names.Files[1].Name != "secrets/master_key" || names.Files[1].Data != nil {
		t.Fatalf("names: %+v, %v", names, err)
	}
	b, err := f.Take(t.Context())
	if err != nil || !reflect.DeepEqual(b, m.bundle) {
		t.Fatalf("got %+v, %v", b, err)
	}
	list, err := m.Invites(t.Context())
	if err != nil || len(list.Invites) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	i := list.Invites[0]
	if i.ID != tok.ID || i.State != "used" || i.UsesLeft != 0 || len(i.Joined) != 1 || i.Joined[0].Host != "new-machine" || i.Joined[0].Address != "127.0.0.1" {
		t.Errorf("%+v", i)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.events) != 2 || m.events[0].Kind != Invited || m.events[1].Kind != JoinedEvent || m.events[1].Invite != tok.ID || m.events[1].Host != "new-machine" {
		t.Errorf("recorded: %+v", m.events)
	}
}

// A token made on one node is good on every other, within a second.
func TestAnotherNodeAnswersForTheInvite(t *testing.T) {
	t.Parallel()
	db := database(t)
	one, other := newMachine(t, db), newMachine(t, db)
	tok := one.invite(1, time.Hour)
	tok.Addresses = []string{"http://127.0.0.1:1", other.url}
	if _, err := joiner(t, tok).Take(t.Context()); err != nil {
		t.Error(err)
	}
}

// post sends a request as it is and returns status and body.
func (m *machine) post(body []byte) (int, string) {
	m.t.Helper()
	req, err := http.NewRequestWithContext(m.t.Context(), http.MethodPost, m.url+JoinPath, bytes.NewReader(body))
	if err != nil {
		m.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// asked is a request of a machine, as bytes.
func asked(t *testing.T, f *Fetcher, change func(*request)) []byte {
	t.Helper()
	q := request{ID: f.token.ID, Public: f.key.PublicKey().Bytes(), Take: true, Host: f.host}
	q.Proof = q.prove(f.token.Secret)
	if change != nil {
		change(&q)
	}
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryWrongRequestGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	db := database(t)
	m := newMachine(t, db)
	m.live.wrong = rate.NewLimiter(rate.Inf, 0)
	m.invite(1, time.Hour) // so that the route exists
	expired, revoked, used := m.invite(1, time.Hour), m.invite(1, time.Hour), m.invite(1, time.Hour)
	if _, err := joiner(t, used).Take(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Revoke(t.Context(), RevokeRequest{revoked.ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), m.q(`UPDATE {s}.node_invites SET expires = now() WHERE id = $1`), expired.ID); err != nil {
		t.Fatal(err)
	}
	m.live.forget()
	good := joiner(t, m.invite(1, time.Hour))
	unknown := newToken([]string{m.url})
	all := map[string][]byte{
		"unknown":       asked(t, joiner(t, unknown), nil),
		"expired":       asked(t, joiner(t, expired), nil),
		"revoked":       asked(t, joiner(t, revoked), nil),
		"used up":       asked(t, joiner(t, used), nil),
		"wrong proof":   asked(t, good, func(q *request) { q.Proof[0] ^= 1 }),
		"no proof":      asked(t, good, func(q *request) { q.Proof = nil }),
		"other host":    asked(t, good, func(q *request) { q.Host = "another" }),
		"other key":     asked(t, good, func(q *request) { q.Public[0] ^= 1 }),
		"names to take": asked(t, good, func(q *request) { q.Take = false }),
		"short key":     asked(t, good, func(q *request) { q.Public = q.Public[:31]; q.Proof = q.prove(good.token.Secret) }),
		"low order":     asked(t, good, func(q *request) { q.Take = false; q.Public = make([]byte, 32); q.Proof = q.prove(good.token.Secret) }),
		"long host":     asked(t, good, func(q *request) { q.Host = strings.Repeat("x", 300); q.Proof = q.prove(good.token.Secret) }),
		"no JSON":       []byte("hello"),
		"empty":         nil,
		"too long":      []byte(`{"id":"` + strings.Repeat("x", maxAsk) + `"}`),
		"half a body":   []byte(`{"id":"` + good.token.ID + `","take":true`),
	}
	_, want := m.post(all["unknown"])
	for name, body := range all {
		if status, text := m.post(body); status != http.StatusForbidden || text != want {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	if n := count(t, db, m.q(`SELECT uses_left FROM {s}.node_invites WHERE id = $1`), good.token.ID); n != 1 {
		t.Errorf("a wrong request used an invite: %d left", n)
	}
	if said := m.said.String(); strings.Contains(said, good.token.Secret.Reveal()) || strings.Contains(said, "the master key of the site") {
		t.Error("the log has a secret")
	}
}

func TestWithoutALiveInviteThereIsNoRoute(t *testing.T) {
	t.Parallel()
	db := database(t)
	m := newMachine(t, db)
	tok := newToken([]string{m.url})
	if status, _ := m.post(asked(t, joiner(t, tok), nil)); status != http.StatusNotFound {
		t.Errorf("none was made: %d", status)
	}
	_, err := joiner(t, tok).Names(t.Context())
	wantCode(t, "join", err, "join_unreachable")
	tok = m.invite(1, time.Hour)
	if _, err := m.Revoke(t.Context(), RevokeRequest{tok.ID}); err != nil {
		t.Fatal(err)
	}
	if status, _ := m.post(asked(t, joiner(t, tok), nil)); status != http.StatusNotFound {
		t.Errorf("the only one was revoked: %d", status)
	}
	_, err = m.Revoke(t.Context(), RevokeRequest{"nothing"})
	wantCode(t, "revoke what is not there", err, "no_invite")
}

func TestGuessesAreLimitedAndKeepNobodyFromJoining(t *testing.T) {
	t.Parallel()
	db := database(t)
	m := newMachine(t, db)
	tok := m.invite(1, time.Hour)
	wrong := asked(t, joiner(t, newToken([]string{m.url})), nil)
	limited := 0
	for range 3 * wrongBurst {
		if status, _ := m.post(wrong); status == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited < wrongBurst {
		t.Errorf("%d of %d guesses were limited", limited, 3*wrongBurst)
	}
	if _, err := joiner(t, tok).Take(t.Context()); err != nil {
		t.Errorf("meanwhile: %v", err)
	}
}

func TestOfManyMachinesAsManyJoinAsTheInviteSays(t *testing.T) {
	t.Parallel()
	db := database(t)
	m := newMachine(t, db)
	m.live.wrong = rate.NewLimiter(rate.Inf, 0)
	const uses, machines = 3, 12
	tok := m.invite(uses, time.Hour)
	var joined, refused atomic.Int64
	var all sync.WaitGroup
	for range machines {
		f := joiner(t, tok)
		all.Go(func() {
			_, err := f.Take(t.Context())
			switch {
			case err == nil:
				joined.Add(1)
			case strings.Contains(err.Error(), "not valid"):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if joined.Load() != uses || refused.Load() != machines-uses {
		t.Errorf("%d joined, %d refused", joined.Load(), refused.Load())
	}
	if n := count(t, db, m.q(`SELECT count(*) FROM {s}.node_joins`)); n != uses {
		t.Errorf("%d are noted", n)
	}
}

// An answer that was lost is asked for again, and the same words of a thief on the wire are of no use to him.
func TestTheSameExchangeAgainUsesNothingUpAndIsAnsweredAFewTimes(t *testing.T) {
	t.Parallel()
	db := database(t)
	m := newMachine(t, db)
	tok := m.invite(2, time.Hour)
	f := joiner(t, tok)
	for range maxAnswers {
		if _, err := f.Take(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.Take(t.Context())
	wantCode(t, "once more", err, "join_refused")
	if n := count(t, db, m.q(`SELECT uses_left FROM {s}.node_invites`)); n != 1 {
		t.Errorf("%d uses left, want 1", n)
	}
}

func TestARecordedAnswerFitsNoOtherRequestAndNoOtherKey(t *testing.T) {
	t.Parallel()
	m := newMachine(t, database(t))
	tok := m.invite(5, time.Hour)
	f := joiner(t, tok)
	status, body := m.post(asked(t, f, nil))
	if status != http.StatusOK || strings.Contains(body, "master") {
		t.Fatalf("%d %s", status, body)
	}
	q := request{ID: tok.ID, Public: f.key.PublicKey().Bytes(), Take: true, Host: f.host}
	if _, err := f.read([]byte(body), q); err != nil {
		t.Fatalf("the right request: %v", err)
	}
	other := q
	other.Take = false
	_, err := f.read([]byte(body), other)
	wantCode(t, "another request", err, "join_answer")
	thief := joiner(t, tok) // who learned the token later has another key
	_, err = thief.read([]byte(body), q)
	wantCode(t, "another key", err, "join_answer")
	stranger := joiner(t, newToken([]string{m.url}))
	stranger.key = f.key
	_, err = stranger.read([]byte(body), q)
	wantCode(t, "another secret", err, "join_answer")
}

func TestWhoAnswersInANodesPlaceIsFoundOut(t *testing.T) {
	t.Parallel()
	tok := newToken([]string{"http://x"})
	for name, h := range map[string]http.HandlerFunc{
		"another secret": func(w http.ResponseWriter, r *http.Request) {
			var q request
			_ = json.NewDecoder(r.Body).Decode(&q)
			a, err := sealAnswer(q, newToken(nil).Secret, []byte(`{}`))
			if err == nil {
				_ = json.NewEncoder(w).Encode(a)
			}
		},
		"a page": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"another site": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example.org/", http.StatusPermanentRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewTLSServer(h)
			t.Cleanup(srv.Close)
			tok := tok
			tok.Addresses = []string{srv.URL}
			_, err := joiner(t, tok).Names(t.Context())
			wantCode(t, name, err, "join_unreachable")
		})
	}
}

func TestInvitesHaveBounds(t *testing.T) {
	t.Parallel()
	m := newMachine(t, database(t))
	for _, q := range []InviteRequest{{Uses: -1}, {Uses: maxUses + 1}, {TTL: 1}, {TTL: 1 << 62}} {
		_, err := m.Invite(t.Context(), q)
		wantCode(t, "invite", err, "invite_bounds")
	}
	_, err := m.Invite(t.Context(), InviteRequest{Addresses: []string{"nowhere"}})
	wantCode(t, "address", err, "token_address")
	m.bundle.Files[0].Data = make([]byte, maxBundle)
	_, err = m.Invite(t.Context(), InviteRequest{})
	wantCode(t, "large", err, "join_large")
}

func TestNodesAreListedWhileTheyLive(t *testing.T) {
	t.Parallel()
	db := database(t)
	one, two, dead := newMachine(t, db), newMachine(t, db), newMachine(t, db)
	for _, m := range []*machine{one, two, dead} {
		if err := m.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := m.List(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := dead.beats.Stop(t.Context()); err != nil { // it says no goodbye
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), one.q(`UPDATE {s}.node_processes SET seen = now() - interval '31 seconds' WHERE id = $1`), dead.id); err != nil {
		t.Fatal(err)
	}
	wantNodes(t, one, one.id, two.id)
	if err := two.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantNodes(t, one, one.id)
	if err := one.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func wantNodes(t *testing.T, m *machine, ids ...string) {
	t.Helper()
	a, err := m.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range a.Nodes {
		got = append(got, x.ID)
		if x.This != (x.ID == m.id) || x.State != StateReady || x.Edge != "http://edge" || x.Admin != "http://admin" {
			t.Errorf("%+v", x)
		}
	}
	if !reflect.DeepEqual(got, ids) {
		t.Errorf("listed are %v, want %v", got, ids)
	}
}
