package admin

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"

	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/secret"
)

const (
	ticketLife  = 10 * time.Minute
	sessionLife = 12 * time.Hour
	maxSessions = 1000 // more people than that do not run one site
	cookieName  = "holdfast_admin"
)

// sessions are the login links not yet used and the people who are logged in. Both live in memory: a restart ends
// them. Keys are the secrets themselves; a map look-up by a random 128-bit secret tells a guesser nothing by its time.
type sessions struct {
	now func() time.Time

	mu      sync.Mutex // protects the following
	tickets map[string]time.Time
	people  map[string]time.Time
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, tickets: map[string]time.Time{}, people: map[string]time.Time{}}
}

// ticket returns a new one-time secret.
func (s *sessions) ticket() string { return s.add(s.tickets, ticketLife) }

// enter turns a ticket into a session, once.
func (s *sessions) enter(ticket string) (string, bool) {
	s.mu.Lock()
	end, ok := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !ok || s.now().After(end) {
		return "", false
	}
	return s.add(s.people, sessionLife), true
}

func (s *sessions) valid(session string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, ok := s.people[session]
	return ok && s.now().Before(end)
}

func (s *sessions) add(to map[string]time.Time, life time.Duration) string {
	id := secret.Generate(16).Reveal()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for k, end := range to {
		if now.After(end) || len(to) >= maxSessions {
			delete(to, k)
		}
	}
	to[id] = now.Add(life)
	return id
}

// LoginAnswer is the answer of POST /v1/login.
type LoginAnswer struct {
	URL     string    `json:"url"`     // works once
	Expires time.Time `json:"expires"` // when it stops working unused
}

func (a *Admin) login(context.Context, control.Empty) (LoginAnswer, error) {
	return LoginAnswer{URL: a.LoginURL(), Expires: time.Now().Add(ticketLife)}, nil
}

// LoginURL returns a new link that logs one person in, once.
func (a *Admin) LoginURL() string {
	root := a.public.URL()
	if strings.HasPrefix(root, "unix:") {
		root = "http://localhost" // whoever brings the socket to a browser knows a better name
	}
	return root + "/login/" + a.sessions.ticket()
}

// enter takes a login link and starts a session.
func (a *Admin) enter(w http.ResponseWriter, r *http.Request) {
	session, ok := a.sessions.enter(r.PathValue("ticket"))
	if !ok {
		control.WriteError(w, fault.New(fault.Denied, "login_link", "this login link was used or is too old").
			WithHint("get a new one with: holdfast login"))
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: session, Path: "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// guard lets a request through that carries the token or belongs to a session. A session may only read: what changes
// something needs the token, which no browser sends by itself.
func (a *Admin) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.hasToken(r) || a.hasSession(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="holdfast"`)
		w.Header().Set("Content-Type", "application/json")
		body := control.Body(fault.New(fault.Denied, "login_required", "this needs the admin token or a login").
			WithHint("open the link that this prints: holdfast login"), w.Header().Get(control.RequestIDHeader))
		control.WriteJSON(w, http.StatusUnauthorized, map[string]any{"error": body})
	})
}

func (a *Admin) hasToken(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && !a.opts.Config.Token.IsZero() && a.opts.Config.Token.Equal(token)
}

func (a *Admin) hasSession(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	return err == nil && r.Method == http.MethodGet && a.sessions.valid(c.Value)
}
