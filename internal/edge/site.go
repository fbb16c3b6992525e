package edge

import (
	"log/slog"
	"net/http"

	"holdfast/internal/certs"
	"holdfast/internal/lane"
	"holdfast/internal/throttle"
	"holdfast/internal/timing"
	"holdfast/internal/upstream"
	"holdfast/internal/web"
)

// routeApp is what the application's requests are called in logs and metrics.
const routeApp = "app"

// site is all that answers by one configuration, without the listeners. A reload makes another one; requests under way end in
// the one that they began in.
type site struct {
	*kept
	config   Config
	trust    upstream.Trust
	policy   policy
	mux      *http.ServeMux
	laned    map[string]bool // patterns of routes that have a lane
	apps     []*application  // the most particular first
	throttle *throttle.Throttle
	auth     []*guard
	strip    []string // fields that only our own questions to the application may set
	vaults   map[string]Vault
	chain    http.Handler // the whole way of a request
}

// kept is what outlives a configuration.
type kept struct {
	access  *accessLog
	times   *timing.Book
	journal web.Journal
	acme    *certs.Manager // nil: files alone
	pages   *Pages         // nil: no page cache
	log     *slog.Logger
}

// newSite makes a site. was is the one before it, or nil: limits that are the same go on counting.
func newSite(o Options, k *kept, was *site) (*site, error) {
	c := o.Config
	s := &site{kept: k, config: c, policy: newPolicy(c.Headers), mux: http.NewServeMux(), vaults: o.Vaults, laned: map[string]bool{}}
	for pattern, h := range o.Routes {
		s.mux.Handle(pattern, h)
		s.laned[pattern] = o.Lanes[pattern] != nil
	}
	var err error
	if s.trust, err = upstream.ParseTrust(c.TrustedProxies); err != nil {
		return nil, err
	}
	exempt, err := networks(c.LimitsExempt)
	if err != nil {
		return nil, err
	}
	if was == nil {
		s.throttle = throttle.New(c.Limits, exempt)
	} else {
		s.throttle = was.throttle.With(c.Limits, exempt)
	}
	for _, rule := range c.Auth {
		s.auth = append(s.auth, newGuard(rule, s))
		s.strip = append(s.strip, rule.Copy...)
	}
	s.chain = s.handler()
	return s, nil
}

// handler returns the whole way of a request, as the package comment draws it.
func (s *site) handler() http.Handler {
	h := http.Handler(http.HandlerFunc(s.answer))
	for _, step := range []func(http.Handler) http.Handler{ // the innermost first
		s.asked, s.limited, s.redirected, s.plain, s.known, s.challenged, s.policy.wrap, s.announced, s.wrapped, s.introduced,
	} {
		h = step(h)
	}
	return h
}

// wrapped gives a request its id and its line in the log.
func (s *site) wrapped(next http.Handler) http.Handler {
	return web.Wrap(next, s.journal.Log, s.journal.Observe)
}

// introduced finds out who the visitor is.
func (s *site) introduced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Visitor: s.trust.Visitor(r), host: r.Host, path: r.URL.Path}
		if len(s.strip) > 0 {
			v.Extra = http.Header{}
			for _, name := range s.strip {
				v.Extra[http.CanonicalHeaderKey(name)] = nil
			}
		}
		next.ServeHTTP(w, r.WithContext(withVisit(r.Context(), v)))
	})
}

// answer finds our own route, or hands the request to the application.
func (s *site) answer(w http.ResponseWriter, r *http.Request) {
	h, pattern := s.mux.Handler(r)
	if pattern != "" {
		if s.laned[pattern] {
			lane.Mine(r.Context())
		}
		s.mux.ServeHTTP(w, r)
		return
	}
	app := s.appFor(r)
	switch {
	case app != nil:
		r.Pattern = app.name
		s.application(w, r, app)
	case isMissing(h, r):
		s.refuse(w, r, upstream.Refusal{Status: http.StatusNotFound, Code: "not_found", Text: "nothing here"})
	default:
		s.mux.ServeHTTP(w, r)
	}
}
