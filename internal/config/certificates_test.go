package config

import "testing"

// A public address may be listened on when certificates are to come, which need a key to be encrypted under, hosts and consent.
func TestCertificatesByACMENeedTheMasterKey(t *testing.T) {
	t.Parallel()
	const edge = `
[edge]
listen = "0.0.0.0:443"
hosts = ["journal.site.org"]
http3 = true
redirect_https = true
[[edge.listeners]]
listen = "0.0.0.0:80"
[edge.acme]
enabled = true
accept_terms = true
`
	oneFile(t, edge+key).mustLoad(t)
	expectIn(t, oneFile(t, edge).mistakes(t), "edge.acme.enabled: the private keys of certificates are encrypted under files.master_key")
	expectIn(t, oneFile(t, "[edge]\nlisten = \"0.0.0.0:443\"\nhttp3 = true\n[edge.acme]\nenabled = true\n"+key).mistakes(t),
		"holdfast.toml:4: edge.acme.accept_terms: nobody has agreed", "edge.acme.hosts: there is no host")
	expectIn(t, oneFile(t, "[edge]\nhttp3 = true\n"+key).mistakes(t), "holdfast.toml:2: edge.http3: HTTP/3 is spoken with certificates alone")
}
