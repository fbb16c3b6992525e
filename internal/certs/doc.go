// Package certs gets certificates from an authority by ACME (RFC 8555), renews them, and keeps them in PostgreSQL, where all
// processes of a site find them.
//
// # Vocabulary
//
//   - Directory: the URL at which an authority's service begins; Let's Encrypt's unless the configuration says otherwise.
//   - Account: the key that the authority knows the site by. There is one for each directory and address, for all processes.
//   - Order: one attempt to get a certificate for one host. Each host has a certificate of its own.
//   - Challenge: what the authority asks for to see that the host is ours: a text at an URL over plain HTTP (HTTP-01), or a
//     certificate in a handshake (TLS-ALPN-01, RFC 8737).
//   - Lease: the right of one process to place an order for a host, for a limited time and with a number (fence) that grows.
//
// # Who gets which certificate, and when
//
// Only the hosts of the configuration: nobody can have one ordered by asking for it. A [Manager] looks every few seconds
// whether there is a newer certificate in the database, and whether one has to be ordered: because there is none, or two
// thirds of its life are over, or the authority says that it is time (ARI, RFC 9773). It takes the lease of the host, looks
// again, and places the order; other processes find the certificate when it is there. A certificate that is due goes on being
// served until the next one has been stored.
//
// # Guarantees
//
//   - One order for a host at a time, and one account, however many processes there are. A lease lasts half a minute and is
//     prolonged by its holder; when that dies the next process takes it over. What a process wants to store that has lost its
//     lease meanwhile is refused by the database: the statement checks the fence.
//   - Challenges are kept in the database, so any process can answer the authority, whichever it happens to ask.
//   - Private keys, of certificates and of the account, are encrypted (AES-256-GCM) under a key made of files.master_key.
//   - After a failure a host waits before the next order: 5 minutes, then 15, an hour, 3 and 6 hours; longer where the
//     authority says so (Retry-After). An authority that cannot be reached is asked again after 10 seconds, and then more
//     and more seldom up to 5 minutes. This is noted in the database too: neither restarts nor more processes make it shorter.
//
// # Failure
//
// Without the database, certificates that are in memory go on being served, and none is ordered. Without the authority the
// process starts and serves what there is. For a host without a certificate the handshake is refused
// (unrecognized_name), which the log and the finding of [Options].Report tell: there is no self-signed stand-in, because
// people learn from that to click warnings away.
//
// This package stands on acmez, the client below certmagic. That itself listens on ports where nobody else does, keeps its
// retries in the process, runs jobs that nobody can wait for, and its stores cannot check a fence.
package certs
