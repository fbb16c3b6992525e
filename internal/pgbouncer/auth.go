package pgbouncer

import (
	"cmp"
	"slices"
	"strings"
)

// loadUsers reads the list of users.
func (im *importer) loadUsers() error {
	e, ok := im.global["auth_file"]
	if !ok || e.value == "" {
		return nil
	}
	path := im.resolve(e.value)
	text, err := im.text(path)
	if err != nil {
		return err
	}
	im.listed, err = userlist(path, text)
	return err
}

// auth writes who may log in and where passwords are checked.
func (im *importer) auth() error {
	t := im.doc.table(inAuth.path("")...)
	if e := im.global["auth_file"]; e.value != "" {
		t.set(keyAuthFile, im.resolve(e.value), "auth_file")
		im.judgeSecrets(e)
	}
	im.authQuery(t)
	rules, err := im.baseRules()
	if err != nil {
		return err
	}
	rules = im.specialize(rules)
	im.writeRules(rules)
	im.serverUsers(rules)
	return nil
}

// judgeSecrets says which users cannot log in with what the list says of them.
func (im *importer) judgeSecrets(e entry) {
	names := map[secretKind][]string{}
	for _, u := range im.listed {
		names[u.kind] = append(names[u.kind], u.name)
	}
	if md5 := names[md5Secret]; len(md5) > 0 {
		im.remark("auth_file", e.place, true, "md5 is not offered: set the passwords anew, so that they are kept by SCRAM, of %s", some(md5))
	}
	if plain := names[plainSecret]; len(plain) > 0 {
		im.remark("auth_file", e.place, true, "a list holds SCRAM verifiers and no passwords: copy rolpassword from pg_authid for %s", some(plain))
	}
}

// some names the first of many.
func some(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " and others"
	}
	return strings.Join(names, ", ")
}

func (im *importer) authQuery(t *table) {
	user, query := im.value("auth_user", ""), im.value("auth_query", "")
	switch {
	case user == "" && query != "":
		im.remark("auth_query", im.global["auth_query"].place, false, "PgBouncer does not use it without auth_user")
	case user != "" && query == "":
		t.set(keyAuthQuery, defaultAuthQuery, "PgBouncer's default")
	case user != "":
		t.set(keyAuthQuery, query, "auth_query")
	}
	if user != "" && im.secretOf(user) != noSecret {
		file := "secrets/" + fileName(user)
		im.doc.table(tableDatabase).set(keyPasswordFile, file, "")
		im.remark("auth_user", im.global["auth_user"].place, true, "write the password of %s into %s", user, file)
	}
}

func (im *importer) secretOf(user string) secretKind {
	for _, u := range im.listed {
		if u.name == user {
			return u.kind
		}
	}
	return noSecret
}

// fileName makes a name for the file of a password.
func fileName(user string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, user)
}

// methodOf returns our method for one of PgBouncer's, and what is different. It is empty when there is none.
func methodOf(theirs string) (method, difference string) {
	switch strings.ToLower(theirs) {
	case "scram-sha-256":
		return "scram", ""
	case "md5":
		return "scram", "md5 is not offered: clients must know SCRAM (libpq 10 and newer), and users need SCRAM verifiers"
	case "plain", "password":
		return "scram", "passwords in clear are not taken: clients must know SCRAM"
	case "cert", "peer", "ldap", "reject":
		return strings.ToLower(theirs), ""
	case "trust", "any":
		return "trust", "a client without proof is let in from this machine only"
	}
	return "", ""
}

// baseRules returns the rules that auth_type or the HBA file say.
func (im *importer) baseRules() ([]rule, error) {
	kind := im.global["auth_type"]
	theirs := strings.ToLower(cmp.Or(kind.value, "md5"))
	if theirs == "hba" {
		return im.hbaRules()
	}
	for _, name := range []string{"auth_hba_file", "auth_ident_file"} {
		if e := im.global[name]; e.value != "" {
			im.remark(name, e.place, false, "PgBouncer uses it with auth_type = hba only")
		}
	}
	if e := im.global["auth_ldap_options"]; e.value != "" && theirs != "ldap" {
		im.remark("auth_ldap_options", e.place, false, "PgBouncer uses it with auth_type = ldap only")
	}
	method, difference := methodOf(theirs)
	switch {
	case method == "" || method == "peer" || method == "reject":
		im.remark("auth_type", kind.place, false, "the method %s is not offered: write rules", theirs)
		return nil, nil
	case difference != "":
		im.remark("auth_type", kind.place, true, "%s", difference)
	}
	r := rule{method: method, place: kind.place}
	if theirs == "any" {
		r.anybody = true
	}
	if method == "ldap" {
		im.ldap(im.global["auth_ldap_options"].value, kind.place)
	}
	return im.bounded([]rule{r}, "auth_type"), nil
}

// bounded keeps rules from letting in more people than PgBouncer did: those whom it does not know, and those without proof
// from elsewhere. The rules come from that setting.
func (im *importer) bounded(rules []rule, setting string) []rule {
	var out []rule
	for _, r := range rules {
		if r.method == "trust" && !r.nearby() {
			continue
		}
		proofless := r.method == "trust" || r.method == "cert" || r.method == "peer"
		if proofless && !r.anybody && im.value("auth_user", "") == "" {
			if r.users = im.known(r.users); len(r.users) == 0 {
				im.remark(setting, r.place, false, "no rule for the method %s: PgBouncer knows none of its users", r.method)
				continue
			}
		}
		if len(r.databases) == 0 && !im.hasAny() {
			for _, c := range im.databases {
				r.databases = append(r.databases, c.name)
			}
		}
		out = append(out, r)
	}
	return out
}

// hasAny reports whether clients may name databases that are not listed.
func (im *importer) hasAny() bool {
	return slices.ContainsFunc(im.databases, func(c connection) bool { return c.name == anyDatabase })
}

// known returns those of the users that the list has; all of it when none are named.
func (im *importer) known(users []string) []string {
	var out []string
	for _, u := range im.listed {
		if len(users) == 0 || slices.Contains(users, u.name) {
			out = append(out, u.name)
		}
	}
	return out
}
