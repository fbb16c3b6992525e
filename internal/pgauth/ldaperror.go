package pgauth

import (
	"crypto/tls"
	"errors"
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"holdfast/internal/fault"
)

// Codes of what can fail at a directory. Those that begin with auth are the user's fault.
const (
	codeBusy        = "ldap_busy"
	codeConnect     = "ldap_connect"
	codeTLS         = "ldap_tls"
	codeCertificate = "ldap_certificate"
	codeBind        = "ldap_bind"
	codeSearch      = "ldap_search"
	codeGroup       = "ldap_group"
	codeEmpty       = "auth_empty_password"
	codeWrong       = "auth_wrong_password"
	codeExpired     = "auth_password_expired"
	codeLocked      = "auth_account_locked"
	codeNoGroup     = "auth_no_group"
)

func ldapFault(code, hint, format string, args ...any) *fault.Error {
	return fault.New(fault.Unavailable, code, format, args...).WithHint("%s", hint)
}

func connectFault(url string, err error) error {
	return ldapFault(codeConnect, "is the directory up, and are database.auth.ldap.urls and the firewall right?",
		"connect to the directory %s: %w", url, err)
}

func certificateFault(url string, err error) error {
	return ldapFault(codeCertificate,
		"database.auth.ldap.ca_file must hold the authority that signed the directory's certificate, and the URL the name that it is made out to",
		"trust the certificate of the directory %s: %w", url, err)
}

// tlsFault tells a certificate that is not trusted from other failures of TLS. go-ldap keeps only the text of the first.
func tlsFault(url string, err error) error {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) || strings.Contains(err.Error(), "failed to verify certificate") {
		return certificateFault(url, err)
	}
	return ldapFault(codeTLS, "does the directory speak TLS at this port? ldaps:// is TLS at once, start_tls begins it on an ldap:// port",
		"begin TLS with the directory %s: %w", url, err)
}

// isLost reports whether an operation failed because no answer came: the error is not a result of the server.
func isLost(err error) bool {
	var result *ldap.Error
	return !errors.As(err, &result) || result.ResultCode >= ldap.ErrorNetwork
}

func serviceFault(url, name string, err error) error {
	if isLost(err) {
		return connectFault(url, err)
	}
	return ldapFault(codeBind, "check database.auth.ldap.search_dn and search_password",
		"bind to the directory %s as %q to search: %w", url, name, err)
}

func searchFault(url, base string, err error) error {
	if isLost(err) {
		return connectFault(url, err)
	}
	return searchProblem(url, base, err)
}

func searchProblem(url, base string, err error) error {
	return ldapFault(codeSearch, "check database.auth.ldap.search_base and search_filter, and what search_dn may read",
		"search the directory %s below %q: %w", url, base, err)
}

func groupFault(url, base string, err error) error {
	if isLost(err) {
		return connectFault(url, err)
	}
	return groupProblem(url, base, err)
}

func groupProblem(url, base string, err error) error {
	return ldapFault(codeGroup, "check database.auth.ldap.group_base and group_filter, and who may read groups",
		"search groups in the directory %s below %q: %w", url, base, err)
}

// activeDirectory finds the reason in the message of Active Directory's error 49. It tells the ones below only to who
// knows the password.
var activeDirectory = regexp.MustCompile(`, data ([0-9a-f]{3,4}),`)

// bindFault says why a user's bind failed.
func bindFault(url, user string, err error) error {
	switch {
	case isLost(err):
		return connectFault(url, err)
	case ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials):
		return invalidFault(user, err)
	case ldap.IsErrorAnyOf(err, ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultInvalidDNSyntax,
		ldap.LDAPResultNoSuchObject, ldap.LDAPResultConstraintViolation):
		return reason(codeWrong, "the directory does not let user %q in: %w", user, err)
	}
	return ldapFault(codeBind, "what did the directory's log say of this bind?", "bind to the directory %s as user %q: %w", url, user, err)
}

// policyFault says what a password policy has against a bind (draft-behera-ldap-password-policy-10, section 6.2). It
// speaks of the end of a password, or that it is to be changed first, only to who knows the password.
func policyFault(user string, controls []ldap.Control) error {
	c, ok := ldap.FindControl(controls, ldap.ControlTypeBeheraPasswordPolicy).(*ldap.ControlBeheraPasswordPolicy)
	if !ok {
		return nil
	}
	switch c.Error {
	case 0, 2:
		return reason(codeExpired, "the password of user %q has expired: %s", user, c.ErrorString)
	case 1:
		return reason(codeWrong, "the account of user %q is locked: %s", user, c.ErrorString)
	}
	return nil
}

func invalidFault(user string, err error) error {
	if m := activeDirectory.FindStringSubmatch(err.Error()); m != nil {
		switch m[1] {
		case "532", "773": // expired, to be changed
			return reason(codeExpired, "the password of user %q has expired: %w", user, err)
		case "530", "531", "533", "701": // not at this hour, not from here, disabled, account expired
			return reason(codeLocked, "the account of user %q is closed: %w", user, err)
		}
	}
	return reason(codeWrong, "the password of user %q is wrong: %w", user, err)
}
