package pgbouncer

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strings"
)

// ldap writes [database.auth.ldap] from auth_ldap_options: name=value, with the value in double quotes perhaps.
func (im *importer) ldap(options string, at place) {
	parts, ok := fields(options)
	if !ok || len(parts) == 0 {
		im.remark("auth_ldap_options", at, false, "no directory is named: write [database.auth.ldap]")
		return
	}
	im.ldapPairs(optionsOf(parts), at)
}

// ldapPairs writes the directory that options name. There is one; a second one that differs is not carried over.
func (im *importer) ldapPairs(options []pair, at place) {
	get := func(key string) string { return connection{pairs: options}.get(key) }
	t := &table{path: []string{tableDatabase, tableAuth, tableLDAP}}
	base, attribute, filter := get("ldapbasedn"), get("ldapsearchattribute"), get("ldapsearchfilter")
	var urls []string
	if raw := get("ldapurl"); raw != "" {
		u, err := url.Parse(raw)
		if err != nil {
			im.remark("ldap", at, false, "ldapurl is no URL: write [database.auth.ldap]")
			return
		}
		urls = []string{u.Scheme + "://" + u.Host}
		base = cmp.Or(base, strings.TrimPrefix(u.Path, "/"))
		parts := append(strings.Split(u.RawQuery, "?"), "", "", "") // attribute, scope, filter
		attribute, filter = cmp.Or(attribute, parts[0]), cmp.Or(filter, parts[2])
	}
	for _, host := range strings.Fields(get("ldapserver")) {
		scheme, port := cmp.Or(get("ldapscheme"), "ldap"), get("ldapport")
		if port != "" {
			host = net.JoinHostPort(host, port)
		}
		urls = append(urls, scheme+"://"+host)
	}
	t.set(keyURLs, urls, "")
	if get("ldaptls") == "1" {
		t.set(keyStartTLS, true, "")
	}
	im.ldapNames(t, get, base, attribute, filter, at)
	im.writeLDAP(t, urls, at)
}

// ldapNames writes how the name of a user is made, or found.
func (im *importer) ldapNames(t *table, get func(string) string, base, attribute, filter string, at place) {
	if base == "" {
		t.set(keyBindPattern, get("ldapprefix")+"$username"+get("ldapsuffix"), "")
		return
	}
	t.set(keySearchBase, base, "")
	if filter == "" {
		filter = "(" + cmp.Or(attribute, "uid") + "=$username)"
	}
	t.set(keySearchFilter, filter, "")
	if dn := get("ldapbinddn"); dn != "" {
		t.set(keySearchDN, dn, "")
	}
	if get("ldapbindpasswd") != "" {
		t.set(keySearchPasswordFile, "secrets/ldap", "")
		im.remark("ldapbindpasswd", at, true, "write the password into secrets/ldap")
	}
}

func (im *importer) writeLDAP(t *table, urls []string, at place) {
	if slices.ContainsFunc(urls, func(u string) bool { return strings.HasPrefix(u, "ldap://") }) && len(t.items) > 0 && t.items[1].key != keyStartTLS {
		im.remark("ldap", at, true, "passwords go to a directory by ldaps:// or with start_tls = true only, unless it is on this machine")
	}
	if mode := im.value("client_tls_sslmode", "disable"); mode == "disable" || mode == "allow" || mode == "prefer" {
		im.remark("ldap", at, true, "passwords in clear are taken inside TLS and from Unix sockets only: give the endpoints a certificate")
	}
	for _, other := range im.doc.tables {
		if slices.Equal(other.path, t.path) {
			if !slices.EqualFunc(other.items, t.items, func(a, b item) bool { return a.key == b.key && literal(a.value) == literal(b.value) }) {
				im.remark("ldap", at, false, "there is one directory for all rules: this one is left out")
			}
			return
		}
	}
	im.doc.add(t)
}
