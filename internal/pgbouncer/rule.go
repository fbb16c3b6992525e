package pgbouncer

import (
	"net/netip"
	"slices"
)

// rule is a table [[database.rules]].
type rule struct {
	databases, users, addresses []string // empty: all
	identities                  []string
	tls, plain                  bool // only clients inside TLS, only those outside
	method                      string
	class, serverUser           string
	anybody                     bool // users need not be known
	place
}

// nearby narrows a rule to clients of this machine, and reports whether any are left.
func (r *rule) nearby() bool {
	if len(r.addresses) == 0 {
		r.addresses = []string{"local", "loopback"}
		return true
	}
	var out []string
	for _, a := range r.addresses {
		switch prefix, err := netip.ParsePrefix(a); {
		case a == "local" || a == "loopback":
			out = append(out, a)
		case err == nil && prefix.Addr().IsLoopback() && (prefix.Bits() >= 8):
			out = append(out, a)
		case err == nil && prefix.Bits() == 0 && !slices.Contains(out, "loopback"):
			out = append(out, "loopback")
		}
	}
	r.addresses = out
	return len(out) > 0
}

// covers reports whether a list of names, in which none means all, has a name.
func covers(names []string, name string) bool {
	return len(names) == 0 || slices.Contains(names, name)
}

// specialize puts rules for databases with a forced user, and for users with a class of their own, before the rules that
// they come from. The first rule that matches decides.
func (im *importer) specialize(rules []rule) []rule {
	var out []rule
	for _, r := range rules {
		if r.method == "reject" {
			out = append(out, r)
			continue
		}
		for _, c := range im.databases {
			if user := c.get("user"); user != "" && c.name != anyDatabase && covers(r.databases, c.name) {
				forced := r
				forced.databases, forced.serverUser = []string{c.name}, user
				out = append(out, im.classed(forced)...)
			}
		}
		if user := im.forcedForAll(); user != "" {
			r.serverUser = user
		}
		out = append(out, im.classed(r)...)
	}
	return out
}

// forcedForAll returns the user that the entry for all other databases forces.
func (im *importer) forcedForAll() string {
	for _, c := range im.databases {
		if c.name == anyDatabase {
			return c.get("user")
		}
	}
	return ""
}

// classed splits a rule by the classes of its users.
func (im *importer) classed(r rule) []rule {
	var out []rule
	for _, u := range im.users {
		if im.classes[u.name] && covers(r.users, u.name) {
			own := r
			own.users, own.class = []string{u.name}, u.name
			out = append(out, own)
		}
	}
	if im.classes[everybody] {
		r.class = everybody
	}
	return append(out, r)
}

// writeRules writes them as tables.
func (im *importer) writeRules(rules []rule) {
	for _, r := range rules {
		t := im.doc.element(inRules.path("")...)
		names := func(key string, names []string) {
			if len(names) > 0 {
				t.set(key, names, "")
			}
		}
		if r.line > 0 {
			t.notes = []string{r.place.String()}
		}
		names(keyDatabases, r.databases)
		names(keyUsers, r.users)
		names(keyAddresses, r.addresses)
		if r.tls {
			t.set(keyTLS, true, "")
		}
		if r.plain {
			t.set(keyNoTLS, true, "")
		}
		t.set(keyMethod, r.method, "")
		names(keyIdentities, r.identities)
		if r.class != "" {
			t.set(keyClass, r.class, "")
		}
		if user := r.onServer(); user != "" {
			t.set(keyServerUser, user, "")
		}
	}
}

// clientsRole stands for the role of the client's own name.
const clientsRole = "$user"

// onServer returns the role that the server sees. Methods that leave no keys need one to be named.
func (r rule) onServer() string {
	if r.serverUser == "" && r.method != "scram" && r.method != "reject" {
		return clientsRole
	}
	return r.serverUser
}

// serverUsers writes where the passwords of roles are that the server sees and clients do not prove.
func (im *importer) serverUsers(rules []rule) {
	write := func(user string, at place, setting string) {
		t := im.doc.table(inServerUsers.path(user)...)
		if len(t.items) > 0 {
			return
		}
		file := "secrets/" + fileName(user)
		t.set(keyPasswordFile, file, "")
		im.remark(setting, at, true, "write the password of %s into %s", user, file)
	}
	for _, c := range im.databases {
		if user := c.get("user"); user != "" && (c.get("password") != "" || im.secretOf(user) != noSecret) {
			write(user, c.place, "databases."+c.name+": user")
		}
	}
	if !slices.ContainsFunc(rules, func(r rule) bool { return r.onServer() == clientsRole }) {
		return
	}
	for _, u := range im.listed {
		if u.kind == plainSecret {
			write(u.name, u.place, "auth_file")
		}
	}
}
