package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"holdfast/internal/content"
	"holdfast/internal/edge"
	"holdfast/internal/files"
	"holdfast/internal/limit"
	"holdfast/internal/pooler"
	"holdfast/internal/throttle"
	"holdfast/internal/unit"
)

// noWaits are the durations that nobody waits for, each with the reason. Whoever adds a duration declares it in Waits of its package,
// or here.
func noWaits() map[string]string {
	const (
		life   = "the life of something that is there meanwhile"
		rhythm = "how often something is done behind"
	)
	return map[string]string{
		"database.options.pool.max_lifetime":   life,
		"database.options.pool.max_idle":       life,
		"database.endpoints.*.max_lag":         "the age of data: a replica beyond it is not asked at all",
		"database.audit.sync":                  rhythm,
		"database.auth.query_ttl":              life,
		"database.auth.ldap.recheck":           rhythm,
		"database.auth.failure_wait":           "who failed is refused at once until then: nobody waits inside",
		"static.max_age":                       life,
		"static.keep":                          life,
		"static.rules.*.max_age":               life,
		"files.link_ttl":                       life,
		"files.link_window":                    life,
		"files.link_max_ttl":                   life,
		"files.abort_uploads_after":            life,
		"files.trash_keep":                     life,
		"files.buckets.*.expire_after":         life,
		"content.poll":                         rhythm,
		"content.keep_for":                     life,
		"content.grace":                        life,
		"content.gc_every":                     rhythm,
		"content.scrub_every":                  rhythm,
		"content.sources.*.poll":               rhythm,
		"cache.idle_timeout":                   "a client that asks for nothing waits for nothing, and is bounded by cache.max_clients",
		"edge.upstream.slow_start":             "how long a server gets less than its share",
		"edge.slow":                            "what is slower is written to the log",
		"edge.upstream.health.interval":        rhythm,
		"edge.apps.*.upstream.slow_start":      "how long a server gets less than its share",
		"edge.apps.*.upstream.health.interval": rhythm,
		"edge.headers.hsts":                    life,
		"edge.auth.*.cache":                    life,
		"edge.cache.stale_while_revalidate":    life,
		"edge.cache.stale_if_error":            life,
		"edge.cache.rules.*.ttl":               life,
	}
}

// everything returns a configuration in which each table is there and each part is switched on.
func everything() *Config {
	c := Default()
	c.Database.Pooling.Endpoints = []pooler.Endpoint{{Listen: "127.0.0.1:6432"}, {Listen: "127.0.0.1:6433", Target: pooler.TargetReplica}}
	c.Database.Pooling.Limits = map[string]pooler.Limit{"interactive": {}}
	c.Database.Pooling.Peers = []pooler.Peer{{ID: 1}}
	c.Database.Pooling.Audit.Enabled = true
	c.Database.Pooling.Auth.Query = "holdfast"
	c.Database.Pooling.Auth.LDAP.URLs = []string{"ldaps://dc1.example.org"}
	c.Database.Options.Pool.MaxWaiting = 10
	c.Static.Root = "/srv/static"
	c.Storage.S3.Enabled = true
	c.Files.Buckets = map[string]files.BucketConfig{"papers": {}}
	c.Content.Sources = map[string]content.SourceConfig{"course": {Hook: "http://127.0.0.1/hook"}}
	c.Cache.Enabled, c.Cache.Redis = true, "redis://127.0.0.1"
	c.Edge.Upstreams = []string{"http://127.0.0.1:5000"}
	c.Edge.Apps = []edge.App{{Name: "shop", Upstreams: []string{"http://127.0.0.1:5001"}}}
	c.Edge.Limits = []throttle.Rule{{Path: "/", Concurrent: 1}}
	c.Edge.Auth = []edge.AuthRule{{Path: "/private/", URL: "/may"}}
	c.Edge.Cache.Enabled = true
	c.Edge.ACME.Enabled = true
	return &c
}

// S0-12: every duration of the configuration is a wait that doctor lists, with the value in effect, or is none for a reason that
// somebody wrote down. A new one that is neither fails here.
func TestEveryDurationIsAListedWaitOrNone(t *testing.T) {
	t.Parallel()
	c := everything()
	set := map[string]time.Duration{}
	setDurations("", reflect.ValueOf(c).Elem(), set)
	declared := map[string]limit.Wait{}
	for _, w := range c.Waits() {
		declared[w.Key] = w
	}
	none := noWaits()
	used := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		w, listed := declared[key]
		pattern := itemNumber.ReplaceAllString(key, ".*")
		for schema := range none {
			if matches(schema, strings.ReplaceAll(key, "[0]", ".*")) {
				pattern = schema
			}
		}
		reason, exempt := none[pattern]
		used[pattern] = used[pattern] || exempt
		switch {
		case listed && exempt:
			t.Errorf("%s is listed as a wait, and exempt (%s)", key, reason)
		case !listed && !exempt:
			t.Errorf("%s is neither among the waits of its package (waits.go) nor among the durations that are none (noWaits)", key)
		case listed && (w.For == 0 || w.For%set[key] != 0):
			t.Errorf("%s is %s, but doctor lists %s", key, set[key], w.For)
		}
	}
	for key := range none {
		if !used[key] {
			t.Errorf("%s is exempt, but there is no such duration", key)
		}
	}
	if len(set) < 60 {
		t.Errorf("the walk found %d durations only", len(set))
	}
}

// setDurations gives each duration a value of its own, and one item to each list and map that has none.
func setDurations(path string, v reflect.Value, set map[string]time.Duration) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if isInline(field) {
			setDurations(path, v.Field(i), set)
			continue
		}
		name := tomlName(field)
		if name == "" {
			continue
		}
		f, key := v.Field(i), join(path, name)
		switch {
		case f.Type() == reflect.TypeFor[unit.Duration]():
			set[key] = time.Duration(1009+len(set)) * time.Second // the values have no common measure that could hide a mistake
			f.Set(reflect.ValueOf(unit.Duration(set[key])))
		case tableType(f.Type()) == nil:
		case f.Kind() == reflect.Struct:
			setDurations(key, f, set)
		case f.Kind() == reflect.Slice:
			if f.Len() == 0 {
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
			}
			setDurations(key+"[0]", f.Index(0), set)
		case f.Kind() == reflect.Map:
			setInMap(key, f, set)
		}
	}
}

func setInMap(path string, m reflect.Value, set map[string]time.Duration) {
	if m.Len() == 0 {
		m.Set(reflect.MakeMap(m.Type()))
		m.SetMapIndex(reflect.ValueOf("name"), reflect.Zero(m.Type().Elem()))
	}
	for _, k := range m.MapKeys() {
		item := reflect.New(m.Type().Elem()).Elem()
		item.Set(m.MapIndex(k))
		setDurations(join(path, k.String()), item, set)
		m.SetMapIndex(k, item)
	}
}

// S0-12: each wait has a limit and an error of its own; none is without end unless somebody writes so.
func TestEveryWaitHasALimitAndANamedError(t *testing.T) {
	t.Parallel()
	empty := Default()
	for name, c := range map[string]*Config{"everything": everything(), "nothing": &empty} {
		all := c.Waits()
		finite := map[string]bool{}
		for _, w := range all {
			finite[w.Key] = finite[w.Key] || w.Kind == limit.Bounded
		}
		for _, w := range all {
			where := fmt.Sprintf("%s: %s (%s, %s)", name, w.Name, w.Where, w.Key)
			switch {
			case w.Name == "" || w.Where == "" || w.Ends == "":
				t.Errorf("%s lacks a name, a place or an error: %+v", where, w)
			case w.Kind == limit.Endless:
				t.Errorf("%s is without end by default", where)
			case w.Kind == limit.ByParts && !finite[w.By]:
				t.Errorf("%s refers to %s, which bounds nothing", where, w.By)
			case w.Kind == limit.Theirs && w.By == "":
				t.Errorf("%s is somebody else's, nobody says whose", where)
			case w.Kind == limit.Bounded && (w.For == 0) == (w.Most == 0):
				t.Errorf("%s has a time of %s and a number of %d; want one", where, w.For, w.Most)
			}
			if _, _, known := Lookup(w.Key); w.Key != "" && !known {
				t.Errorf("%s: there is no such setting", where)
			}
		}
	}
}

// S0-12: who writes 0 where it means no limit is told so.
func TestAWaitThatSomebodyMadeEndlessIsListedAsSuch(t *testing.T) {
	t.Parallel()
	c := everything()
	c.Database.Pooling.KeepAlive = 0
	c.Edge.Upstream.Timeouts.Idle = 0 // which Validate refuses
	c.Database.Pooling.Hold = 0
	c.Database.Options.Pool.ReconnectTimeout = 0
	kinds := map[string]limit.Kind{}
	for _, w := range c.Waits() {
		kinds[w.Key] = w.Kind
	}
	want := map[string]limit.Kind{
		"database.keepalive": limit.Endless, "edge.upstream.timeouts.idle": limit.Endless, "database.hold": limit.AtOnce,
		"edge.upstream.timeouts.total": limit.ByParts, "database.limits.interactive.statement_timeout": limit.Theirs,
	}
	for key, kind := range want {
		if kinds[key] != kind {
			t.Errorf("%s is %q, want %q", key, kinds[key], kind)
		}
	}
}
