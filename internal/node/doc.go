// Package node knows the machines of a site, and lets another one join with a single token.
//
// # Vocabulary
//
//   - Node: a running process of Holdfast. All nodes of a site use one database and one store, and have the same configuration.
//   - Invite: a row that lets so many new machines fetch the configuration within so much time.
//   - [Token]: what the new machine is given: the addresses of nodes, the invite's id, and a secret of 256 bits.
//   - [Bundle]: the files of the configuration and those that it names: secrets, keys, certificates.
//
// # The exchange
//
// One request and one answer, over whatever HTTP leads to a node: through a balancer, without TLS, past a certificate that does
// not fit the address. Neither side needs to trust the way in between.
//
//	new machine → node   id, X, take, host, HMAC(K, all of that)            K = HKDF(secret)
//	node → new machine   Y, AES-256-GCM(K', bundle)                         K' = HKDF(secret and X25519(x, Y), salted with X and Y)
//
// X and Y are ephemeral keys. Whoever lacks the secret can neither ask nor answer; whoever learns the secret later cannot read
// what was recorded, because the ephemeral keys are gone. The request is associated data of the answer, so an answer fits one
// request only. First the new machine asks with take = false and learns the names of the files, so that it can refuse to
// overwrite anything before it has used the invite; then with take = true.
//
// # Guarantees
//
//   - An invite is used at most as often as it says: one UPDATE counts, in the transaction that notes X. The same X again (an
//     answer was lost, or somebody replays what was recorded) counts nothing, is answered a few times, and is of use only to who
//     has x.
//   - An id that is not known, a wrong proof, an invite that is over, used up or revoked: one answer, 403, after the same work.
//     Such answers are limited; a right proof never waits for that limit, so nobody can keep a machine from joining by guessing.
//   - While no invite is live the route does not exist: 404.
//   - What wrong requests cost is bounded: 4 KiB are read, one HMAC is computed, and the database is asked once a second at most.
//   - The secret is stored sealed under a key of files.master_key. What was made, used and revoked is logged and goes to the audit
//     stream.
//
// # What is copied, and what is not
//
// The files are the site's, the environment is the machine's: files of the configuration and files that it names are copied to
// the byte; variables of the environment, and files that end in ".local.toml", are not, but named to the new machine. Paths stay
// as they are written. What a setting says about one machine (an address of its network card, a database on loopback) is
// told as a note, by both sides.
//
// # Failure
//
// The new machine writes secrets first and the configuration last, each atomically, and takes away what it wrote when one
// fails. A node that is asked while PostgreSQL is away knows of no invite. A node that dies leaves its row in the list of nodes,
// which is not shown after half a minute.
package node
