// Package exposure looks at a site as a stranger does: it asks, without any credentials, for what should be nobody's, and says what
// it was given.
//
// # Vocabulary
//
//   - Site: a root to ask at: a host behind the edge, a server of the application itself, an address that a person named.
//   - Probe: one path that should not be answered: a directory of uploads, the name of a file in a private bucket, /.git/HEAD, /.env.
//   - Control: a path that cannot exist. Many applications answer it like any other, with 200 and their front page; a probe that is
//     answered like the control was not answered.
//   - Verdict: refused (4xx, a way to a log-in, or the answer of the control), or what was found.
//
// # Guarantees
//
// Only the sites that were named are asked, and redirections are followed only on the same host. A site gets at most maxProbes
// requests, one at a time, each with a limit; all together have the limit of the context. Requests are GETs that say in User-Agent
// who asks. Of an answer at most sniff bytes are read; its content is looked at and neither kept nor told: a finding names the path,
// the status and the size.
package exposure
