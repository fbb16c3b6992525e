package pgauth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/text/unicode/norm"
)

// userEntry is a user as the directory has it.
type userEntry struct {
	dn     string
	name   string
	groups []string // names of entries
}

// isNameForLDAP refuses names that a directory would take for another one: it does not tell apart what differs only in
// spaces (RFC 4518 section 2.6), and drops characters that do not print.
func isNameForLDAP(user string) bool {
	if user == "" || len(user) > maxUserName || !utf8.ValidString(user) || strings.TrimSpace(user) != user || strings.Contains(user, "  ") {
		return false
	}
	return !strings.ContainsFunc(user, func(r rune) bool { return !unicode.IsPrint(r) })
}

// checkUser checks a password over a connection.
func (d *directory) checkUser(l *link, user, password string) (member, error) {
	var u userEntry
	var err error
	if d.config.BindPattern != "" {
		u, err = d.bindByPattern(l, user, password)
	} else {
		u, err = d.searchAndBind(l, user, password)
	}
	if err != nil {
		return member{}, err
	}
	return d.memberOf(l, user, u)
}

// memberOf finds out which group of the settings counts for a user.
func (d *directory) memberOf(l *link, user string, u userEntry) (member, error) {
	var err error
	if d.config.GroupBase != "" && len(d.config.Groups) > 0 {
		if u.groups, err = d.searchGroups(l, user, u.dn); err != nil {
			return member{}, err
		}
	}
	m := member{name: u.name}
	var in bool
	if m.group, in = d.groupOf(u.groups); !in && d.config.RequireGroup {
		return member{}, reason(codeNoGroup, "user %q is in none of the groups that may log in, but in %q", user, u.groups)
	}
	return m, nil
}

// bindByPattern binds by the name that the pattern makes of the user's.
func (d *directory) bindByPattern(l *link, user, password string) (userEntry, error) {
	dn := ldap.EscapeDN(user)
	if !isDNPattern(d.config.BindPattern) {
		if strings.ContainsAny(user, `@\/,;=+<>"#`) {
			return userEntry{}, reason("auth_unknown_user", "the name of user %q would change the meaning of bind_pattern", user)
		}
		dn = user
	}
	u := userEntry{dn: strings.ReplaceAll(d.config.BindPattern, userMark, dn), name: fold(user)}
	if err := l.bindUser(u.dn, user, password); err != nil {
		return userEntry{}, err
	}
	if !isDNPattern(d.config.BindPattern) {
		return u, nil
	}
	found, err := d.search(l, u.dn, ldap.ScopeBaseObject, "(objectClass=*)", d.config.NameAttribute, d.config.GroupAttribute)
	switch {
	case err == nil && len(found) == 1:
		return d.userOf(found[0], user), nil
	case d.needsEntry() && err != nil:
		return userEntry{}, groupFault(l.url, u.dn, err)
	case d.needsEntry():
		return userEntry{}, groupProblem(l.url, u.dn, errUnreadable)
	}
	return u, nil // the person's name is then the folded one
}

// isDNPattern tells "uid=$username,ou=people" from "$username@example.org".
func isDNPattern(pattern string) bool {
	_, err := ldap.ParseDN(strings.ReplaceAll(pattern, userMark, "x"))
	return err == nil
}

// needsEntry reports whether groups are told by the user's entry.
func (d *directory) needsEntry() bool { return len(d.config.Groups) > 0 && d.config.GroupBase == "" }

var errUnreadable = errors.New("users may not read their own entry, and group_base is not set")

// searchAndBind finds the user's entry and binds by it.
func (d *directory) searchAndBind(l *link, user, password string) (userEntry, error) {
	u, err := d.find(l, user)
	if err != nil {
		if !isUnavailable(err) { // somebody who is not there takes as many steps as somebody who is
			_ = l.bindUser("cn="+rand.Text()+","+d.config.SearchBase, user, password)
		}
		return userEntry{}, err
	}
	if err := l.bindUser(u.dn, user, password); err != nil {
		return userEntry{}, err
	}
	return u, nil
}

// find searches the user's entry.
func (d *directory) find(l *link, user string) (userEntry, error) {
	if err := l.bind(d.config.SearchDN, d.config.SearchPassword.Reveal()); err != nil {
		return userEntry{}, serviceFault(l.url, d.config.SearchDN, err)
	}
	filter := strings.ReplaceAll(d.config.SearchFilter, userMark, ldap.EscapeFilter(user))
	found, err := d.search(l, d.config.SearchBase, ldap.ScopeWholeSubtree, filter, d.config.NameAttribute, d.config.GroupAttribute)
	switch {
	case err != nil:
		return userEntry{}, searchFault(l.url, d.config.SearchBase, err)
	case len(found) > 1:
		return userEntry{}, searchProblem(l.url, d.config.SearchBase, fmt.Errorf("the filter %s finds more than one entry", filter))
	case len(found) == 0:
		return userEntry{}, reason("auth_unknown_user", "user %q is not in the directory", user)
	}
	return d.userOf(found[0], user), nil
}

// userOf reads an entry. The name is the one that the client gave, in the directory's spelling, or the first.
func (d *directory) userOf(e *ldap.Entry, user string) userEntry {
	u := userEntry{dn: e.DN, name: fold(user), groups: e.GetEqualFoldAttributeValues(d.config.GroupAttribute)}
	for i, name := range e.GetEqualFoldAttributeValues(d.config.NameAttribute) {
		if i == 0 || fold(name) == fold(user) {
			u.name = name
		}
	}
	return u
}

// fold makes one of the spellings that a directory takes for the same name (RFC 4518: case, and Unicode's forms).
func fold(name string) string { return strings.ToLower(norm.NFKC.String(name)) }

// bindUser checks the password. The connection is the user's then, or nobody's.
func (l *link) bindUser(dn, user, password string) error {
	l.as, l.fresh = "", true
	request := ldap.NewSimpleBindRequest(dn, password, []ldap.Control{ldap.NewControlBeheraPasswordPolicy()})
	result, err := l.SimpleBind(request)
	if result != nil {
		if why := policyFault(user, result.Controls); why != nil {
			return why
		}
	}
	if err != nil {
		return bindFault(l.url, user, err)
	}
	return nil
}

// maxFound is the number of entries that a search may return.
const maxFound = 1000

func (d *directory) search(l *link, base string, scope int, filter string, attributes ...string) ([]*ldap.Entry, error) {
	seconds := max(1, int(d.config.Timeout.D().Seconds()))
	r, err := l.Search(ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, maxFound, seconds, false, filter, attributes, nil))
	if err != nil {
		return nil, err
	}
	return r.Entries, nil
}

// searchGroups finds the groups that a user is in.
func (d *directory) searchGroups(l *link, user, dn string) ([]string, error) {
	if d.config.BindPattern == "" { // by the account that searches; otherwise by the user's
		if err := l.bind(d.config.SearchDN, d.config.SearchPassword.Reveal()); err != nil {
			return nil, serviceFault(l.url, d.config.SearchDN, err)
		}
	}
	filter := strings.NewReplacer(entryMark, ldap.EscapeFilter(dn), userMark, ldap.EscapeFilter(user)).Replace(d.config.GroupFilter)
	found, err := d.search(l, d.config.GroupBase, ldap.ScopeWholeSubtree, filter, "1.1") // no attributes (RFC 4511 section 4.5.1.8)
	if err != nil {
		return nil, groupFault(l.url, d.config.GroupBase, err)
	}
	var groups []string
	for _, e := range found {
		groups = append(groups, e.DN)
	}
	return groups, nil
}

// groupOf returns the first group of the settings that is among the names of entries.
func (d *directory) groupOf(names []string) (Group, bool) {
	for _, g := range d.config.Groups {
		for _, name := range names {
			if isGroup(g.Group, name) {
				return g, true
			}
		}
	}
	return Group{}, false
}

// isGroup compares the name of an entry with a group of the settings: its whole name, or the value of its first part.
func isGroup(setting, name string) bool {
	dn, err := ldap.ParseDN(name)
	if err != nil {
		return false
	}
	if !strings.Contains(setting, "=") {
		return len(dn.RDNs) > 0 && len(dn.RDNs[0].Attributes) == 1 && strings.EqualFold(dn.RDNs[0].Attributes[0].Value, setting)
	}
	want, err := ldap.ParseDN(setting)
	return err == nil && dn.EqualFold(want)
}
