package ldaptest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// fill adds the entries of the tests.
func (s *Server) fill(t testing.TB) {
	t.Helper()
	s.Change(t, func(c *ldap.Conn) error {
		var err error
		for _, e := range entries() {
			request := ldap.NewAddRequest(e[0][0], nil)
			for _, a := range e[1:] {
				request.Attribute(a[0], a[1:])
			}
			if e := c.Add(request); e != nil && !ldap.IsErrorWithCode(e, ldap.LDAPResultEntryAlreadyExists) {
				err = errors.Join(err, fmt.Errorf("%s: %w", request.DN, e))
			}
		}
		return err
	})
}

// entries are those of the tests: the name, then attributes with their values.
func entries() [][][]string {
	person := func(uid, password string, more ...[]string) [][]string {
		return append([][]string{
			{"uid=" + ldap.EscapeDN(uid) + "," + People},
			{"objectClass", "inetOrgPerson"},
			{"uid", uid},
			{"cn", uid},
			{"sn", uid},
			{"mail", uid + "@example.org"},
			{"userPassword", password},
		}, more...)
	}
	group := func(cn string, members ...string) [][]string {
		return [][]string{{"cn=" + cn + "," + Groups}, {"objectClass", "groupOfNames"}, {"cn", cn}, append([]string{"member"}, members...)}
	}
	return [][][]string{
		{{Suffix}, {"objectClass", "organization", "dcObject"}, {"o", "Example"}, {"dc", "example"}},
		{{People}, {"objectClass", "organizationalUnit"}, {"ou", "people"}},
		{{Groups}, {"objectClass", "organizationalUnit"}, {"ou", "groups"}},
		{{"ou=hidden," + Suffix}, {"objectClass", "organizationalUnit"}, {"ou", "hidden"}},
		{{ReaderDN}, {"objectClass", "person", "simpleSecurityObject"}, {"cn", "reader"}, {"sn", "reader"}, {"userPassword", ReaderPassword}},
		{{"cn=default," + Suffix}, {"objectClass", "person", "pwdPolicy"}, {"cn", "default"}, {"sn", "default"}, {"pwdAttribute", "userPassword"}, {"pwdMustChange", "TRUE"}},
		{{"cn=short," + Suffix}, {"objectClass", "person", "pwdPolicy"}, {"cn", "short"}, {"sn", "short"}, {"pwdAttribute", "userPassword"}, {"pwdMaxAge", "1"}},
		person("alice", AlicePassword),
		person("bob", "bob-secret"),
		person("carol", "carol-secret", []string{"pwdReset", "TRUE"}),
		person("dave", "dave-secret", []string{"pwdPolicySubentry", "cn=short," + Suffix}),
		person(`o"dd, (name)*`, "odd-secret"),
		person("twin1", "x", []string{"description", "twin"}),
		person("twin2", "x", []string{"description", "twin"}),
		group("curators", "uid=alice,"+People),
		group("readers", "uid=alice,"+People, "uid=bob,"+People),
	}
}
