package pgauth

import "slices"

// checkCertificate compares the certificate's common name with the user, or with the identities of the rule.
func (d *Decision) checkCertificate() error {
	at := d.at
	if at.Certificate == nil {
		return unproven(at, "certificate", reason("auth_no_certificate", "user %q from %s showed no certificate", at.User, at.host()))
	}
	name := at.Certificate.Subject.CommonName
	if !d.mayBe(name) {
		return unproven(at, "certificate", reason("auth_certificate_name", "the certificate of %q may not log in as user %q", name, at.User))
	}
	d.identify(name, true, Group{})
	return nil
}

// checkAccount compares the account at the other end of the Unix socket.
func (d *Decision) checkAccount() error {
	at := d.at
	if !at.isLocal() || at.Account == "" {
		return unproven(at, "Peer", reason("auth_no_account", "the account of user %q at %s is not known", at.User, at.host()))
	}
	if !d.mayBe(at.Account) {
		return unproven(at, "Peer", reason("auth_account_name", "the account %q may not log in as user %q", at.Account, at.User))
	}
	d.identify(at.Account, true, Group{})
	return nil
}

// mayBe reports whether an identity may log in as the user.
func (d *Decision) mayBe(identity string) bool {
	if len(d.rule.Identities) > 0 {
		return slices.Contains(d.rule.Identities, identity)
	}
	return identity != "" && identity == d.at.User
}
