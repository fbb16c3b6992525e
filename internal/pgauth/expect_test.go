package pgauth_test

import (
	"net/netip"
	"testing"

	"holdfast/internal/pgauth"
)

// S0-17: which class the application's role will have is known before it comes.
func TestTheClassOfAUserIsKnownBeforehand(t *testing.T) {
	t.Parallel()
	socket, own, anywhere := pgauth.Door{Socket: true}, pgauth.Door{At: netip.MustParseAddr("127.0.0.2")}, pgauth.Door{}
	const none = "none"
	f := func(name string, d pgauth.Door, user, want string, rules ...pgauth.Rule) {
		t.Helper()
		class, ok := pgauth.Config{Rules: rules}.Expect(d, "journal", user)
		if !ok {
			class = none
		}
		if class != want {
			t.Errorf("%s: %q, want %q", name, class, want)
		}
	}
	f("no rules", own, "app", "")
	f("no rules, from anywhere", anywhere, "app", "")
	people := pgauth.Rule{Users: []string{"app"}, Class: "people"}
	f("a rule", own, "app", "people", people)
	f("another user", own, "other", none, people)
	f("another database", own, "app", "rest", pgauth.Rule{Databases: []string{"archive"}, Class: "archive"}, pgauth.Rule{Class: "rest"})
	f("a rule for sockets", own, "app", "people", pgauth.Rule{Addresses: []string{"local"}, Class: "dba"}, people)
	f("a rule for sockets", socket, "app", "dba", pgauth.Rule{Addresses: []string{"local"}, Class: "dba"}, people)
	f("a network", own, "app", none, pgauth.Rule{Addresses: []string{"192.0.2.0/24"}, Class: "shop"})
	f("a network", anywhere, "app", "shop", pgauth.Rule{Addresses: []string{"192.0.2.0/24"}, Class: "shop"})
	f("TLS without a certificate", own, "app", "people", pgauth.Rule{TLS: true, Class: "far"}, people)
	f("TLS", pgauth.Door{TLS: true}, "app", "far", pgauth.Rule{TLS: true, Class: "far"}, people)
	plain := pgauth.Rule{NoTLS: true, Class: "plain"}
	f("outside TLS", own, "app", "plain", plain, people)
	f("outside TLS where all are inside", pgauth.Door{TLS: true, Secure: true}, "app", "people", plain, people)
	f("outside TLS, refused", pgauth.Door{TLS: true}, "app", "people", pgauth.Rule{NoTLS: true, Method: "reject"}, people)
	f("outside TLS, refused, and nobody is inside", own, "app", none, pgauth.Rule{NoTLS: true, Method: "reject"}, people)
	f("inside TLS, refused", pgauth.Door{TLS: true}, "app", "people", pgauth.Rule{TLS: true, Method: "reject"}, people)
	f("refused", own, "app", none, pgauth.Rule{Users: []string{"app"}, Method: "reject"}, people)
	f("refused from some addresses", anywhere, "app", "people", pgauth.Rule{Addresses: []string{"192.0.2.0/24"}, Method: "reject"}, people)
	f("as another role", own, "app", none, pgauth.Rule{Method: "trust", ServerUser: "shared"})
	f("as itself", own, "app", "", pgauth.Rule{Method: "trust", ServerUser: "$user"})
}
